import type { Resource } from "../../kinds/define.ts";
import type { PlannedObjects } from "../client/dry-run.ts";
import type { Args, Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import type { FieldEntries } from "../output/describe.ts";
import type { Format } from "../output/format.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * The additions of one kind to the verbs that work on every kind. All members are optional: without them a verb follows
 * the descriptor alone.
 */
export interface KindExtension {
  /** Flags of `create KIND` that set no field of the object. */
  createArgs?: Args;
  /** The query that flags of `create KIND` add to the request. */
  createQuery?(args: Readonly<Record<string, Value>>): Record<string, string>;
  /**
   * Creates the object by a route of its own.
   *
   * @param args the flags of `create KIND`
   * @returns undefined if the flags do not ask for it: `create` then sends the fields as for any kind
   */
  createSpecially?(
    name: string,
    args: Readonly<Record<string, Value>>,
    context: Context,
  ): Promise<SpecialCreation | undefined>;
  /**
   * Fields that the flags of `create KIND` start from and may replace.
   *
   * @param args the flags of `create KIND`
   * @returns undefined if the flags do not ask for it
   */
  startFrom?(
    name: string,
    args: Readonly<Record<string, Value>>,
    context: Context,
  ): Promise<StartingFields | undefined>;
  /** Lines and sections of `describe`, by the field whose place they take. An empty list leaves the field out. */
  describe?(object: Resource, context: Context): FieldEntries | Promise<FieldEntries>;
  /** Warnings about an object that was just created or applied, each a sentence without the object's name. */
  warnings?(object: Resource): string[];
  /** Finds out what the deletion of an object takes from others. Returns warnings to print once it is deleted. */
  lostBy?(name: string, isPlanned: boolean, context: Context): Promise<string[]>;
  /** The field of the answer to a create that the server never shows again. It is printed once, on its own line. */
  shownOnce?: string;
  /** The command that makes the server show a new value of that field. */
  renewal?(object: Resource): string;
  /** A manifest's fields as the server will store them, so that what it fills in does not count as a difference. */
  asStored?(live: Fields, fields: Fields): Fields;
  /**
   * The path of a field that has moved, for `patch` of its old path: the values beside it are then kept.
   * Undefined if the path is right as it is.
   */
  currentPath?(live: Fields, path: readonly string[]): readonly string[] | undefined;
}

/** The fields that a new object starts from. */
export interface StartingFields {
  fields: Record<string, unknown>;
  /** Removes what was made for it, when the object itself cannot be created. */
  undo?(): Promise<void>;
  /** In a dry run the objects that would have been made for it. */
  planned?: PlannedObjects;
}

/** An object that `createSpecially` has made. */
export interface SpecialCreation {
  object: Resource;
  /** Lines for stderr about the other things that were done and the next step, with their own "\n". */
  notes: string;
}

/** Figures that `get WORD` prints as a table or as data, and that are no objects of a kind. */
export interface Report {
  /** The flags it takes besides those of `get`. */
  args: Args;
  print(args: Readonly<Record<string, Value>>, format: Format, context: Context): Promise<void>;
  /** Prints the figures, then every change of them; without it there is no `-w`. */
  watch?(args: Readonly<Record<string, Value>>, format: Format, context: Context): Promise<void>;
}
