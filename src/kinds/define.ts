import { type Static, type TObject, type TSchema, Type } from "@sinclair/typebox";

/**
 * A column of `mcpctl get`, as data: a newer server's columns are printed by an older command line.
 * A cell is `-` when nothing stands at its path.
 */
export interface Column {
  header: string;
  /** Dotted path into the object: `apiKeyRef.name`. */
  path?: string;
  /** Text with dotted paths in braces, `-` unless all of them are there: `secret://{apiKeyRef.name}/{apiKeyRef.key}`. */
  template?: string;
  /** With `path` at a list: how each element prints; joined by commas. */
  each?: string;
  /** `age`: a time as "5m" ago or ahead. */
  format?: "age";
  /** Only with `-o wide`. */
  wide?: true;
}

/** A flag of `mcpctl create KIND` that is not simply a field's name in kebab-case. */
export interface Flag {
  /** Dotted path of the field it sets: `extraConfig`, `config.url`. */
  field: string;
  /** One letter: `d` for `-d`. */
  alias?: string;
  /** The word shown for its value in the help text. */
  value?: string;
  /**
   * How the text becomes a value. Default: by the field's schema.
   * `pairs`: repeatable `k=v`, values parsed as JSON where they are. `secret`: repeatable `K=v`, `K=@file`, `K=-`.
   * `ref`: `SECRET/KEY`. `file`: the text of a file. `subject`: `User:alice`. `grant`: `role:view,resource:llms,name:claude`. `ttl`: `30d`, `never` or RFC 3339.
   */
  parse?: "pairs" | "secret" | "ref" | "file" | "subject" | "grant" | "ttl";
  description?: string;
}

/** One reference from a resource to another, by name. */
export interface Reference {
  /** JSON pointer of the field that holds it. */
  path: string;
  /** The kind it points to, singular. */
  kind: string;
  name: string;
  /**
   * What deleting the target does. `restrict`: refused with 409 while this stands. `clear`: the field becomes
   * null; where it is an element of a list, the element goes.
   */
  onDelete: "restrict" | "clear";
}

/** A write that a user may ask for. */
export type WriteOperation = "create" | "update" | "delete";

/** Everything there is to know about a kind of resource. Data, and one-line pure functions. */
export interface Kind<
  Fields extends TObject = TObject,
  Name extends string = string,
  WriteOnly extends readonly string[] = readonly string[],
> {
  /** Singular, as in `kind: llm` of a manifest. */
  kind: Name;
  /** As in the URL, and as RBAC names it. */
  plural: string;
  /** Other names the command line takes. */
  short: readonly string[];
  /** As in `=== LLM: claude ===`. */
  display: string;
  /** Ids look like `<idPrefix>_01hx…`. */
  idPrefix: string;
  /** One sentence for `explain` and the API description. */
  summary: string;
  /** `apply` goes up, `delete -f` goes down. */
  order: number;
  /** What a caller may set, besides the name. */
  fields: Fields;
  /** What only the server sets, besides id, version and times. */
  readOnly: TObject;
  /** Fields that are fixed at create. The name always is. */
  immutable: readonly string[];
  /** Fields that go in and never come out. */
  writeOnly: WriteOnly;
  /** Read-only fields that change without a new version. Sent back, they are passed over, whatever is in them. */
  volatile: readonly string[];
  /** Read-only fields that an export keeps, because they tell the reader something `apply` may ignore. */
  exported: readonly string[];
  /**
   * The writes that users may ask for. Default: all. A kind whose rows the server makes by itself leaves some out:
   * `["delete"]` for what can only be removed, `[]` for a read-only kind.
   */
  writes: readonly WriteOperation[];
  /** Names are unique within the value of this field (`""` when unset), not within the whole kind. */
  scopedBy?: string;
  /** Rows are public or private, and a private one does not exist for others. Such a kind has `visibility`. */
  visible: boolean;
  /** Where this kind points at others. Default: nowhere. */
  references(fields: Static<Fields>): Reference[];
  /** Names that this kind refers to while they may not exist yet: who takes such a name gets its calls. Default: none. */
  awaits(fields: Static<Fields>): { kind: string; name: string }[];
  columns: readonly Column[];
  /** By flag name; what is not named here follows from the field. */
  flags: Readonly<Record<string, Flag>>;
  /** A complete, valid manifest, without `kind`. */
  example: { name: string } & Record<string, unknown>;
}

/** A descriptor as the API serves it, perhaps that of a newer server. Functions do not travel. */
export type KindInfo = Omit<Kind, "references" | "awaits">;

type Optional =
  | "short"
  | "readOnly"
  | "immutable"
  | "writeOnly"
  | "volatile"
  | "exported"
  | "writes"
  | "visible"
  | "references"
  | "awaits"
  | "flags";

/** Fills in what a descriptor leaves out. Its name and the types of its fields are kept, so that its rows are typed. */
export function defineKind<
  Fields extends TObject,
  const Name extends string,
  const WriteOnly extends readonly string[] = readonly [],
>(
  kind: Omit<Kind<Fields, Name, WriteOnly>, Optional> &
    Partial<Pick<Kind<Fields, Name, WriteOnly>, Optional>>,
): Kind<Fields, Name, WriteOnly> {
  return {
    short: [],
    readOnly: Type.Object({}),
    immutable: [],
    writeOnly: [] as unknown as WriteOnly,
    volatile: [],
    exported: [],
    writes: ["create", "update", "delete"],
    visible: false,
    references: () => [],
    awaits: () => [],
    flags: {},
    ...kind,
  };
}

/** A field that takes one of a few words. */
export function oneOf<const Words extends readonly string[]>(
  words: Words,
  options: Record<string, unknown> = {},
) {
  return Type.Union(
    words.map((word) => Type.Literal(word as Words[number])),
    options,
  );
}

/** A field that may be null, and is null when nothing was given. */
export function nullable<T extends TSchema>(schema: T, options: Record<string, unknown> = {}) {
  return Type.Union([schema, Type.Null()], { default: null, ...options });
}

/** A value inside a secret. */
export const SecretKeyRef = Type.Object(
  {
    name: Type.String({ minLength: 1, description: "The secret" }),
    key: Type.String({ minLength: 1, description: "The key in it" }),
  },
  { additionalProperties: false },
);

/** An object of any kind, as the API returns it. */
export type Resource = {
  id: string;
  name: string;
  version: number;
  createdAt: string;
  updatedAt: string;
} & Record<string, unknown>;
