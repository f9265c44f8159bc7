/** The most levels of an outline. */
export const maxRank = 8;

/** A fraction of a part. Neighbours that are smaller together are one block, so that an outline stays small. */
const grains = 64;

/**
 * The places at which a text can be cut, in order. Each has a rank: 1 for the beginnings of the largest blocks, more for
 * blocks in these. Blocks that fit into a part have no places inside: they are not cut.
 */
export class Outline {
  /** The number of places. The lists may be longer: places that are not needed are overwritten. */
  length = 0;
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
  readonly #grain: number;
  /** The latest place of each rank. */
  readonly #latest: number[] = Array(maxRank + 1).fill(-1);

  /** @param partSize the most bytes of a part */
  constructor(partSize: number, kept: number) {
    this.#partSize = partSize;
    this.#grain = partSize / grains;
    this.#kept = kept;
  }

  /** Adds the place at which the next block begins. */
  add(rank: number, offset: number, size: number, ordinal: number, isKeyed: boolean): void {
    const { sizes, ranks } = this;
    const before = this.#latestUpTo(rank);
    let at = this.length;
    if (size - (before < 0 ? 0 : sizes[before]!) <= this.#partSize) at = before + 1;
    if (rank > this.#kept && before >= 0 && before === at - 1 && ranks[before] === rank) {
      const group = before === 0 ? 0 : sizes[before - 1]!;
      const isInside = before === 0 || ranks[before - 1]! <= rank;
      if (isInside && size - group <= this.#grain) at = before;
    }
    this.#latest[rank] = at;
    this.offsets[at] = offset;
    sizes[at] = size;
    ranks[at] = rank;
    this.ordinals[at] = ordinal;
    this.keyed[at] = isKeyed;
    this.length = at + 1;
  }

  /** Returns the latest place that begins a block of this rank or of a larger one; -1 if there is none. */
  #latestUpTo(rank: number): number {
    let latest = -1;
    for (let one = 1; one <= rank; one++) {
      const index = this.#latest[one]!;
      if (index > latest && index < this.length && this.ranks[index] === one) latest = index;
    }
    return latest;
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
