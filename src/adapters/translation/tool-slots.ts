import { AppError } from "../../errors.ts";
import type { ChatToolCall, ChatToolCallDelta } from "../../wire/dialects/chat.ts";
import { parsedObject } from "../../wire/json.ts";
import { JsonProgress } from "./json-progress.ts";
import { leavings, objectText, validArguments } from "./tool-arguments.ts";

/** Arguments of so many characters do not stand twice in a row by chance. */
const telling = 8;

/** The most tool calls of an answer (T60). Some translations look through all of them for each piece. */
const maxCalls = 4096;

/** A tool call that arrives in pieces. */
export class ToolSlot {
  id: string | undefined;
  name: string;
  arguments = "";
  /** Fields beside OpenAI's that a provider needs back, such as Gemini's signature of the thought. */
  extra: unknown;
  /** The id that the caller was told. */
  callerId: string | undefined;
  state: "waiting" | "open" | "closed" = "waiting";
  readonly index: number | undefined;
  #json = new JsonProgress();
  #unsent = "";
  /** The arguments, valid as far as that can be told from their pieces. */
  #valid = "";
  /** True once the arguments are known to begin as an object that is not empty. */
  #isObject = false;
  /** True once a piece was seen that repeats the arguments so far: each piece then has all of them. */
  #isCumulative = false;
  /** A piece that may repeat the arguments, or may continue them with the same characters: what follows decides. */
  #doubtful = "";

  constructor({ id, index, name }: Piece) {
    this.id = id;
    this.index = index;
    this.name = name;
  }

  add(text: string): void {
    if (text === "" || this.repeats(text)) return;
    if (this.#isReplacedBy(text)) this.#restart();
    const doubtful = this.#doubtful;
    this.#doubtful = "";
    if (doubtful !== "") {
      if (text.startsWith(doubtful)) this.#replace(doubtful);
      else this.#append(doubtful);
    }
    if (this.#isCumulative && text.startsWith(this.arguments)) this.#replace(text);
    else if (!this.#repeatsStart(text)) this.#append(text);
    else if (this.#json.continues(text) && this.arguments.length < telling) this.#doubtful = text;
    else this.#replace(text);
  }

  /** True for a piece that says whole arguments once more, as some servers do at the end (case 161). */
  repeats(text: string): boolean {
    return this.isWhole && this.arguments.trim() === text.trim();
  }

  /** Ends the arguments: no piece follows that decides how the last one was meant. */
  end(): void {
    const text = this.#doubtful;
    this.#doubtful = "";
    if (text === "") return;
    if (isWholeJson(this.arguments + text) || !isWholeJson(text)) this.#append(text);
    else this.#replace(text);
  }

  /** True for the beginning of arguments behind the empty ones that some servers send first for every call (case 172). */
  #isReplacedBy(text: string): boolean {
    return !this.#isObject && /^\s*\{/.test(text) && /^\s*(?:\{\s*\}|null|"")\s*$/.test(this.arguments);
  }

  #restart(): void {
    this.#json = new JsonProgress();
    this.arguments = "";
    this.#unsent = "";
    this.#valid = "";
  }

  /**
   * Ends the call. Arguments that did not begin as an object become the one that they mean; where they mean none, a text
   * under a key of its own, or the text alone (case 171).
   *
   * @param isText True where the caller's dialect has the arguments as a text.
   */
  settle({ isText }: { isText: boolean }): void {
    this.end();
    if (this.#isObject || this.isBlank) return;
    this.#isObject = true;
    this.#valid = isText ? (objectText(this.arguments) ?? this.arguments) : validArguments(this.arguments);
    this.#unsent = this.#valid;
  }

  /** The arguments in the form in which the caller gets them. */
  get text(): string {
    return this.#valid;
  }

  /** Returns true for a piece that begins with all arguments so far, as at servers that repeat them in each piece. */
  #repeatsStart(text: string): boolean {
    const { arguments: before } = this;
    // Few pieces are longer than all before them.
    return text.length > before.length && /^\s*\{/.test(before) && text.startsWith(before);
  }

  #append(text: string): void {
    const wasWhole = this.isWhole;
    let valid = this.#json.push(text);
    this.arguments += text;
    const behind = text.slice(this.#json.closedAt ?? (wasWhole ? 0 : text.length));
    if (behind !== "" && leavings.test(behind)) valid = valid.slice(0, valid.length - behind.length);
    this.#unsent += valid;
    this.#valid += valid;
  }

  /** Takes a text for all arguments so far, of which the caller has the beginning already. */
  #replace(text: string): void {
    this.#isCumulative = true;
    this.#append(text.slice(this.arguments.length));
  }

  /** Returns the arguments that were not taken before; none before they are known to be an object. */
  take(): string {
    this.#isObject ||= /^\s*\{\s*"/.test(this.arguments);
    if (!this.#isObject) return "";
    const text = this.#unsent;
    this.#unsent = "";
    return text;
  }

  /** True if arguments came that were not taken yet. */
  get hasUnsent(): boolean {
    return this.#unsent.trim() !== "";
  }

  /** True if no arguments came yet, or only white space. */
  get isBlank(): boolean {
    return this.#json.isBlank;
  }

  /** True if the arguments are a whole value, so that no more pieces can follow. */
  get isWhole(): boolean {
    return this.#json.isWhole;
  }

  /** True if a text can continue the arguments. */
  continues(text: string): boolean {
    return this.#json.continues(text);
  }

  /** True if a piece with a name cannot belong to this call any more. */
  get isOver(): boolean {
    return this.state === "closed" || this.isWhole;
  }
}

/** Returns true for a piece that says a whole call once more: with its id, name and arguments. */
function isSameCall({ id, text }: Piece, slot: ToolSlot): boolean {
  return id !== undefined && id === slot.id && text.length >= telling && slot.repeats(text);
}

function isWholeJson(text: string): boolean {
  return parsedObject(text) !== undefined;
}

/** A piece of a tool call, without what is missing, null or of the wrong type. */
interface Piece {
  index: number | undefined;
  id: string | undefined;
  /** Empty in a piece that continues a call. */
  name: string;
  text: string;
}

/**
 * Finds the tool call to which each piece belongs (case 91). Indexes and ids are not reliable: providers leave them out,
 * send null, the same one for all calls or another one with each piece, and repeat the name. So the arguments decide: a
 * piece with a name begins a call only when the arguments of the call before are a whole value, or when all its signs
 * say so. An index or an id that was seen to lie counts no more.
 */
export class ToolSlots {
  readonly all: ToolSlot[] = [];
  readonly #isTool: (name: string) => boolean;
  readonly #byIndex = new Map<number, ToolSlot>();
  readonly #byId = new Map<string, ToolSlot>();
  #indexTells = true;
  #idTells = true;
  /** A piece that names a whole call again: a mere repetition, or the start of a call, if arguments follow. */
  #repeated: Piece | undefined;

  /** @param isTool Returns true for the name of a tool of the request, as it is in chat. */
  constructor(isTool: (name: string) => boolean = () => false) {
    this.#isTool = isTool;
  }

  /** Adds a piece. Returns its tool call. */
  add(delta: ChatToolCallDelta): ToolSlot {
    const piece = pieceOf(delta);
    const slot = this.#slotOf(piece);
    slot.id ??= piece.id;
    if (piece.id !== undefined && !this.#byId.has(piece.id)) this.#byId.set(piece.id, slot);
    return filled(slot, piece, delta);
  }

  /** Adds a call of an answer that is not streamed: no other piece belongs to it. */
  addWhole(call: ChatToolCall): ToolSlot {
    const piece = pieceOf(call);
    return filled(this.#begin(piece), piece, call);
  }

  #slotOf(piece: Piece): ToolSlot {
    const { id, index, name } = piece;
    const last = this.all.at(-1);
    if (!last) return this.#begin(piece);
    const byId = this.#idTells && id !== undefined ? this.#byId.get(id) : undefined;
    const byIndex = this.#indexTells && index !== undefined ? this.#byIndex.get(index) : undefined;
    const pointed = byId ?? byIndex;
    if (name === "") return this.#unnamed(piece, pointed, last);
    const slot = pointed ?? last;
    return this.#begins(piece, slot) ? this.#begin(piece) : this.#named(piece, slot);
  }

  /** Returns true if a piece with a name begins a call. `slot` is the call that it would continue. */
  #begins(piece: Piece, slot: ToolSlot): boolean {
    const hasNewId = this.#idTells && piece.id !== undefined && !this.#byId.has(piece.id);
    const hasNewIndex = this.#indexTells && piece.index !== undefined && !this.#byIndex.has(piece.index);
    const isSame = piece.name === slot.name;
    if (hasNewId || hasNewIndex) slot.end();
    if (slot.isOver) {
      if (!isSame || hasNewId || hasNewIndex) return true;
      return piece.text.trim() !== "" && !isSameCall(piece, slot);
    }
    if (slot.name === "") return hasNewId && hasNewIndex;
    if (hasNewId && hasNewIndex) return slot.isBlank || !isSame || !slot.continues(piece.text);
    if (isSame) return false;
    if (!slot.isBlank || hasNewId || hasNewIndex) return true;
    return this.#isTool(slot.name) && this.#isTool(piece.name);
  }

  #begin(piece: Piece): ToolSlot {
    if (this.all.length === maxCalls)
      throw new AppError("provider_error", `the provider called more than ${maxCalls} tools in one answer`);
    const { id, index } = piece;
    const slot = new ToolSlot(piece);
    this.all.push(slot);
    this.#repeated = undefined;
    if (index !== undefined) {
      if (this.#byIndex.has(index)) this.#indexTells = false;
      this.#byIndex.set(index, slot);
    }
    if (id !== undefined) {
      if (this.#byId.has(id)) this.#idTells = false;
      this.#byId.set(id, slot);
    }
    return slot;
  }

  /** Continues a call with a piece that has a name. */
  #named(piece: Piece, slot: ToolSlot): ToolSlot {
    this.#compare(piece, slot);
    if (slot.isOver) this.#repeated = piece;
    // A name in pieces, or longer with each piece.
    else if (piece.name !== slot.name && slot.state === "waiting")
      slot.name = piece.name.startsWith(slot.name) ? piece.name : slot.name + piece.name;
    return slot;
  }

  #unnamed(piece: Piece, pointed: ToolSlot | undefined, last: ToolSlot): ToolSlot {
    const slot = pointed && !(pointed.isOver && !last.isOver) ? pointed : last;
    if (slot.isOver && piece.text.trim() !== "") {
      if (this.#repeated) return this.#begin({ ...piece, ...withoutBlanks(this.#repeated) });
      // Two calls of one tool that began before the arguments of either of them.
      const isAnother = piece.index !== undefined && slot.index !== undefined && piece.index !== slot.index;
      if (isAnother && slot.isWhole) return this.#begin({ ...piece, name: slot.name });
    }
    this.#compare(piece, slot);
    return slot;
  }

  /** Notes which signs of a piece do not tell to which call it belongs. */
  #compare({ id, index }: Piece, slot: ToolSlot): void {
    if (id !== undefined && slot.id !== undefined && id !== slot.id) this.#idTells = false;
    if (index !== undefined && slot.index !== undefined && index !== slot.index) this.#indexTells = false;
  }
}

function filled(slot: ToolSlot, { text }: Piece, { extra_content }: ChatToolCall): ToolSlot {
  slot.add(text);
  slot.extra = extra_content ?? slot.extra;
  return slot;
}

function pieceOf({ index, id, function: called }: ChatToolCallDelta): Piece {
  const { name, arguments: args } = called ?? {};
  return {
    index: typeof index === "number" ? index : undefined,
    id: typeof id === "string" && id !== "" ? id : undefined,
    name: typeof name === "string" ? name : "",
    text: typeof args === "string" ? args : args ? JSON.stringify(args) : "",
  };
}

/** Returns the signs of the piece that began a call, over which those of its next piece do not count. */
function withoutBlanks({ id, index, name }: Piece): Partial<Piece> {
  return { name, ...(id !== undefined && { id }), ...(index !== undefined && { index }) };
}
