/** The most levels of an outline. */
export const maxRank = 8;

/** A fraction of a part. Neighbours that are smaller together are one block, so that an outline stays small. */
const grains = 64;

/**
 * The places at which a text can be cut, in order. Each has a rank: 1 for the beginnings of the largest blocks, more for
 * blocks in these. Blocks that fit into a part have no places inside: they are not cut.
 */
export class Outline {
  /** The index in the text of each place. */
  readonly offsets: number[] = [];
  /** The written size of the text before each place. */
  readonly sizes: number[] = [];
  readonly ranks: number[] = [];
  /** The number of the block that begins there, from 0: of an item in its list, of a line in its text. */
  readonly ordinals: number[] = [];
  /** True for a block with a key. */
  readonly keyed: boolean[] = [];
  /** The highest rank of which each block is wanted by itself: headings. Its blocks are not put together. */
  readonly #kept: number;
  readonly #partSize: number;
  readonly #latest = new Int32Array(maxRank + 1).fill(-1);

  /** @param partSize the most bytes of a part */
  constructor(partSize: number, kept: number) {
    this.#partSize = partSize;
    this.#kept = kept;
  }

  get length(): number {
    return this.offsets.length;
  }

  /** Adds the place at which the next block begins. */
  add(rank: number, offset: number, size: number, ordinal: number, isKeyed: boolean): void {
    const { sizes, ranks } = this;
    const before = this.#latestUpTo(rank);
    if (size - (before < 0 ? 0 : sizes[before]!) <= this.#partSize) this.#shorten(before + 1);
    if (rank > this.#kept && before === this.length - 1 && before >= 0 && ranks[before] === rank) {
      const group = before === 0 ? 0 : sizes[before - 1]!;
      const isInside = before === 0 || ranks[before - 1]! <= rank;
      if (isInside && size - group <= this.#partSize / grains) this.#shorten(before);
    }
    this.#latest[rank] = this.length;
    this.offsets.push(offset);
    sizes.push(size);
    ranks.push(rank);
    this.ordinals.push(ordinal);
    this.keyed.push(isKeyed);
  }

  /** Returns the latest place that begins a block of this rank or of a larger one; -1 if there is none. */
  #latestUpTo(rank: number): number {
    let latest = -1;
    for (let one = 1; one <= rank; one++) {
      const index = this.#latest[one]!;
      if (index < this.length && this.ranks[index] === one) latest = Math.max(latest, index);
    }
    return latest;
  }

  #shorten(length: number): void {
    if (length === this.length) return;
    for (const list of [this.offsets, this.sizes, this.ranks, this.ordinals, this.keyed])
      list.length = length;
  }
}

/** Reads the outline of a text in steps. */
export interface OutlineReader {
  readonly outline: Outline;
  /** The written size of what was read. */
  readonly size: number;
  /** Reads on. Returns true at the end, and undefined if the text is not of this form. */
  read(characters: number): boolean | undefined;
}
