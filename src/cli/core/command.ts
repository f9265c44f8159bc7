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
import type { DataFormat } from "../output/format.ts";
import type { Context } from "./context.ts";

/**
 * A flag or a positional: citty's definition with members that citty lacks. As in citty, a positional is required unless
 * `required` is false, and a flag is required only if it is true. A flag is typed as it is named here.
 */
export type Arg = (BooleanArgDef | StringArgDef | PositionalArgDef | EnumArg) & {
  /** May be repeated: `--data a=1 --data b=2`, `NAME...`. */
  multiple?: true;
  /** An empty text is a value. Without it an empty one is refused: a script has not set its variable. */
  empty?: true;
  /** True for a flag that is taken, but not shown in help and completion: the name of an older version. */
  hidden?: true;
  /** The only values it accepts. */
  options?: readonly string[];
  /**
   * The words that completion offers: those of a list, the names of one kind's objects, or one of the sets that it
   * knows. A positional called `kind`, `name` or `names` needs none.
   */
  complete?: CompletionSet | { kind: string } | readonly string[];
  /** Of a positional called `kind`: completion offers only kinds that allow this write, and their names. */
  writes?: WriteOperation;
};
/** The sets of words that completion knows by themselves. */
export type CompletionSet =
  | "kinds"
  | "contexts"
  | "providers"
  | "verbs"
  | "fields"
  | "field-paths"
  | "conditions"
  | "secret-keys"
  | "grants"
  | "subjects"
  | "principals";
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
 * The arguments that `run` receives. One that was not given is an empty list if it is `multiple`, false if it is a
 * boolean, and undefined otherwise.
 */
export type Values<A extends Args> = { [Name in keyof A]: ValueOf<A[Name]> };

export interface VerbMeta extends CommandMeta {
  /** The word that is typed: `get`; of a subcommand only its own word. */
  name: string;
  /** The first line of its help: one sentence without a full stop. */
  description: string;
  /**
   * The paragraph that a newcomer needs: what the verb does, what it does not do, what it prints. An empty line begins
   * another paragraph; help breaks the lines.
   */
  about?: string;
  /** The usage line after the name: `KIND [NAME...] [flags]`. Default: made from the arguments. */
  usage?: string;
  /** Command lines and their purpose: `["mcpctl get llms", "List all llms"]`. */
  examples?: readonly (readonly [command: string, purpose: string])[];
}

/** The exit code; none stands for 0. Failures are thrown as AppError. */
type Outcome = Promise<number | undefined> | Promise<void>;

/** The formats that a verb prints with `-o`. */
interface VerbOutput {
  /** The formats of `-o` besides the text. A verb without them refuses `-o`. */
  output?: readonly DataFormat[];
  /** Of a verb that refuses `-o`: the hint that says what to do instead. */
  insteadOfOutput?: string;
}

interface VerbDefinition<A extends Args> extends VerbOutput {
  meta: VerbMeta;
  args?: A;
  /**
   * Flags that depend on the words that were typed: `create llm` has the fields of an llm. They are added to `args`.
   *
   * @param words the words after the verb that are no flags; `words[0]` is the kind in `create llm claude`
   */
  moreArgs?(words: readonly string[], context: Context): Args | Promise<Args>;
  /** Help that depends on the words that were typed: `create llm` has examples of an llm. */
  metaFor?(words: readonly string[]): Promise<Partial<VerbMeta>>;
  /** @param commands every verb there is, for `help` and completion */
  run(args: Values<A> & Record<string, Value>, context: Context, commands: Commands): Outcome;
}

/** A verb as the runner calls it: citty's command with members that citty lacks, and without citty's `run`. */
export type CommandVerb = Omit<CommandDef, "meta" | "args" | "run"> &
  VerbOutput & {
    meta: VerbMeta;
    args: Args;
    moreArgs?(words: readonly string[], context: Context): Args | Promise<Args>;
    metaFor?(words: readonly string[]): Promise<Partial<VerbMeta>>;
    /** The verbs that its next word may name, as in `config use-context`. Without such a word it calls `act`, if set. */
    verbs?: Commands;
    act?(args: Record<string, Value>, context: Context, commands: Commands): Outcome;
  };

/** One line of the help, and a function that loads the verb: only the one that runs is loaded. */
export interface CommandEntry {
  summary: string;
  load(): Promise<CommandVerb>;
  /** The heading above it in the help. */
  group?: string;
  /** Left out of help and completion. */
  hidden?: true;
}

export type Commands = Readonly<Record<string, CommandEntry>>;

/** Defines a verb. A flag with the name of a global one hides the global one after the verb. */
export function defineVerb<const A extends Args = Record<never, Arg>>(
  definition: VerbDefinition<A>,
): CommandVerb {
  const { meta, args, output, insteadOfOutput, moreArgs, metaFor, run } = definition;
  return {
    ...defineCommand({ meta, args: (args ?? {}) as ArgsDef }),
    meta,
    args: args ?? {},
    ...(output && { output }),
    ...(insteadOfOutput !== undefined && { insteadOfOutput }),
    ...(moreArgs && { moreArgs }),
    ...(metaFor && { metaFor }),
    act: run as NonNullable<CommandVerb["act"]>,
  } as CommandVerb;
}

/**
 * Defines a verb whose next word is another verb: `config view`, `auth can-i`.
 *
 * @param own the verb that runs if no other follows: `agent`, beside `agent discover`. It takes flags and no words
 */
export function defineGroup(meta: VerbMeta, verbs: Commands, own?: CommandVerb): CommandVerb {
  return {
    ...defineCommand({
      meta,
      subCommands: Object.fromEntries(Object.entries(verbs).map(([name, entry]) => [name, entry.load])),
    }),
    meta,
    args: own?.args ?? {},
    ...(own?.output && { output: own.output }),
    ...(own?.act && { act: own.act }),
    verbs,
  } as CommandVerb;
}
