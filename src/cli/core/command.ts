import {
  type ArgsDef,
  type BooleanArgDef,
  type CommandDef,
  type CommandMeta,
  defineCommand,
  type PositionalArgDef,
  type StringArgDef,
} from "citty";
import type { WriteOperation } from "../../kinds/define.ts";
import type { Context } from "./context.ts";

/**
 * A flag or a positional. citty's definition, and what it lacks. As in citty a positional is required unless
 * `required` is false, a flag only when it is true. A flag is written on the command line as it is named here.
 */
export type Arg = (BooleanArgDef | StringArgDef | PositionalArgDef | EnumArg) & {
  /** May be given again and again: `--data a=1 --data b=2`, `NAME...`. */
  multiple?: true;
  /** The only words it takes. */
  options?: readonly string[];
  /**
   * The words that completion offers: those of a list, the names of one kind's objects, or one of the sets that it
   * knows. A positional called `kind`, `name` or `names` needs none.
   */
  complete?: "kinds" | "contexts" | "providers" | "verbs" | { kind: string } | readonly string[];
  /** Of a positional called `kind`: completion offers only kinds that allow this write, and their names. */
  writes?: WriteOperation;
};
type EnumArg = Omit<StringArgDef, "type"> & { type: "enum" };
export type Args = Record<string, Arg>;
export type Value = string | boolean | string[] | undefined;

type ValueOf<A extends Arg> = A extends { multiple: true }
  ? string[]
  : A extends { type: "boolean" }
    ? boolean
    : Word<A> | Absent<A>;
type Word<A extends Arg> = A extends { options: readonly (infer Option)[] } ? Option : string;
type Absent<A extends Arg> = A extends { required: true } | { default: string }
  ? never
  : A extends { type: "positional"; required?: true }
    ? never
    : undefined;

/**
 * Arguments as `run` gets them. A `multiple` one is a list (empty when not given), a boolean false when not given,
 * anything else undefined when not given.
 */
export type Values<A extends Args> = { [Name in keyof A]: ValueOf<A[Name]> };

export interface VerbMeta extends CommandMeta {
  /** As it is typed: `get`; of a subcommand only its own word. */
  name: string;
  /** One sentence for the first line of its help. */
  description: string;
  /** What stands after the name in the usage line: `KIND [NAME...] [flags]`. Default: from the arguments. */
  usage?: string;
  /** Command lines with what they do: `["mcpctl get llms", "table of all llms"]`. */
  examples?: readonly (readonly [command: string, what: string])[];
  /** More for the end of the help, lines as they print. */
  notes?: string;
}

/** What a verb ends with when it returns a number; 0 otherwise. Failures are thrown as AppError. */
type Outcome = Promise<number | undefined> | Promise<void>;

interface VerbDefinition<A extends Args> {
  meta: VerbMeta;
  args?: A;
  /**
   * Flags that depend on what is typed: `create llm` has the fields of an llm. They come on top of `args`.
   *
   * @param words what is typed after the verb and is no flag; `words[0]` is the kind in `create llm claude`
   */
  moreArgs?(words: readonly string[], context: Context): Args | Promise<Args>;
  /** @param commands every verb there is, for `help` and completion */
  run(args: Values<A> & Record<string, Value>, context: Context, commands: Commands): Outcome;
}

/** A verb as the runner sees it: citty's command, what it lacks, and no `run` of citty's. */
export type Verb = Omit<CommandDef, "meta" | "args" | "run"> & {
  meta: VerbMeta;
  args: Args;
  moreArgs?(words: readonly string[], context: Context): Args | Promise<Args>;
  /** `config use-context`: a verb whose first word chooses another. Without a word it does what `act` does, if that is. */
  verbs?: Commands;
  act?(args: Record<string, Value>, context: Context, commands: Commands): Outcome;
};

/** One line of the help, and how to get the verb itself: only the one that runs is loaded. */
export interface Entry {
  summary: string;
  load(): Promise<Verb>;
  /** Heading it stands under in the help. */
  group?: string;
  /** Left out of help and completion. */
  hidden?: true;
}

export type Commands = Readonly<Record<string, Entry>>;

/** Defines a verb. Where one of its flags is called like a global one, its own meaning holds behind the verb. */
export function defineVerb<const A extends Args = Record<never, Arg>>(definition: VerbDefinition<A>): Verb {
  const { meta, args, moreArgs, run } = definition;
  return {
    ...defineCommand({ meta, args: (args ?? {}) as ArgsDef }),
    meta,
    args: args ?? {},
    ...(moreArgs && { moreArgs }),
    act: run as NonNullable<Verb["act"]>,
  } as Verb;
}

/**
 * Defines a verb whose next word is another verb: `config view`, `auth can-i`.
 *
 * @param own what it does when no verb follows: `agent`, beside `agent discover`. It takes flags and no words
 */
export function defineGroup(meta: VerbMeta, verbs: Commands, own?: Verb): Verb {
  return {
    ...defineCommand({
      meta,
      subCommands: Object.fromEntries(Object.entries(verbs).map(([name, entry]) => [name, entry.load])),
    }),
    meta,
    args: own?.args ?? {},
    ...(own?.act && { act: own.act }),
    verbs,
  } as Verb;
}
