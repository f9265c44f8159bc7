import { type Static, type TObject, type TSchema, Type } from "@sinclair/typebox";

/**
 * A column of `mcpctl get`. It is data, so that an older command line can print the columns of a newer server. A cell
 * is `-` if the object has nothing at the path.
 */
export interface Column {
  header: string;
  /** Dotted path into the object: `apiKeyRef.name`. */
  path?: string;
  /** Text with dotted paths in braces: `secret://{apiKeyRef.name}/{apiKeyRef.key}`. `-` if one of them has no value. */
  template?: string;
  /** The template of each element, if `path` leads to a list. The elements are joined by commas. */
  each?: string;
  /** `age`: a time as its distance from now, such as "5m". */
  format?: "age";
  /** The column is printed only with `-o wide`. */
  wide?: true;
  /** A wide column that is also printed on a terminal, where it fits. */
  terminal?: true;
  /** On a terminal that is too narrow, the columns with the highest rank are left out first; one without a rank stays. */
  rank?: number;
  /** Its cells are never cut. */
  whole?: true;
}

/** A flag of `mcpctl create KIND` that is more than the name of a field in kebab-case. */
export interface Flag {
  /** Dotted path of the field it sets: `extraConfig`, `config.url`. */
  field: string;
  /** One letter, `d` for `-d`, or names of earlier versions, which help does not show. */
  alias?: string | readonly string[];
  /** The word shown for its value in the help text. */
  value?: string;
  /**
   * The format of the text. Default: from the schema of the field.
   *
   * - `pairs`: `k=v`, can be repeated; a value that is JSON is parsed
   * - `secret`: `K=v`, `K=@file` or `K=-`, can be repeated
   * - `ref`: `SECRET/KEY`
   * - `file`: the name of a file that holds the text
   * - `subject`: `User:alice`
   * - `grant`: `role:view,resource:llms,name:claude`
   * - `ttl`: `30d`, `never` or RFC 3339
   * - `named`: `NAME=VALUE` or `NAME=secret://SECRET/KEY`, can be repeated
   */
  parse?: "pairs" | "secret" | "ref" | "file" | "subject" | "grant" | "ttl" | "named";
  description?: string;
  /** The singular name of the kind whose names completion offers as its values. */
  names?: string;
}

/** One reference from a resource to another, by name. */
export interface Reference {
  /** JSON pointer of the field that holds it. */
  path: string;
  /** The singular name of the kind that it refers to. */
  kind: string;
  name: string;
  /**
   * The effect of deleting the target. `restrict`: the server refuses with 409. `clear`: the field becomes null, or
   * the element is removed from its list.
   */
  onDelete: "restrict" | "clear";
}

/** A write that a user may ask for. */
export type WriteOperation = "create" | "update" | "delete";

/** The description of a kind of resource: data and one-line pure functions. */
export interface Kind<
  Fields extends TObject = TObject,
  Name extends string = string,
  WriteOnly extends readonly string[] = readonly string[],
> {
  /** Singular, as in `kind: llm` of a manifest. */
  kind: Name;
  /** The name in URLs and in RBAC. */
  plural: string;
  /** Other names that the command line accepts. */
  short: readonly string[];
  /** The name in headings: `=== LLM: claude ===`. */
  display: string;
  /** The prefix of ids: `<idPrefix>_01hx…`. */
  idPrefix: string;
  /** One sentence for `explain` and the API description. */
  summary: string;
  /** The order of `apply`, lowest first. `delete -f` uses the reverse order. */
  order: number;
  /** The fields that users set, besides the name. */
  fields: Fields;
  /** The fields that only the server sets, besides id, version and times. */
  readOnly: TObject;
  /** Fields that cannot be changed after create. The name never can. */
  immutable: readonly string[];
  /** Fields that users send and that are never shown. */
  writeOnly: WriteOnly;
  /** Read-only fields that change without a new version. The server ignores them in requests, whatever their value. */
  volatile: readonly string[];
  /** Read-only fields that an export contains as information for the reader. `apply` ignores them. */
  exported: readonly string[];
  /**
   * The writes that users may ask for. Default: all. A kind whose rows the server makes by itself leaves some out:
   * `["delete"]` for what can only be removed, `[]` for a read-only kind.
   */
  writes: readonly WriteOperation[];
  /** Names are unique within the value of this field (`""` when unset), not within the whole kind. */
  scopedBy?: string;
  /** The field that names the scope of those rows that have no `scopedBy`. */
  orScopedBy?: string;
  /** Each owner has names of their own: two users may have rows of one name. */
  ownedNames?: true;
  /**
   * The kind of the row that `scopedBy` names, if these rows are parts of that row. They have no rights of their own: who
   * may view that row may view them, and who may change it may create, change and delete them.
   */
  partOf?: string;
  /**
   * The kind that these rows propose, in the scope of a project. Whoever may run the project may create them, and see and
   * delete their own. Rights on the proposed kind count for them, too.
   */
  proposes?: string;
  /** Rows that the server itself has made are visible to everybody who is logged in. */
  openBuiltIns?: true;
  /** The number of rows that one user can own, unless the server or the user has another bound. Default: 500. */
  quota: number;
  /**
   * The fields that those see who may run a row and not view it: the names of these rows are in the list of models
   * anyway. Default: they see no such row.
   */
  callerFields?: readonly string[];
  /** Rows are public or private, and others cannot see a private one. Such a kind has the field `visibility`. */
  visible: boolean;
  /** The references of a row to other rows. Default: none. */
  references(fields: Static<Fields>): Reference[];
  /** Names that a row uses before they exist: a new object of such a name gets the calls. Default: none. */
  awaits(fields: Static<Fields>): { kind: string; name: string }[];
  columns: readonly Column[];
  /** By the name of the flag. Other fields get a flag from their name and schema. */
  flags: Readonly<Record<string, Flag>>;
  /** A complete, valid manifest, without `kind`. */
  example: { name: string } & Record<string, unknown>;
}

/** A descriptor as the API serves it, without functions. The server can be newer than this program. */
export type KindInfo = Omit<Kind, "references" | "awaits">;

type Optional =
  | "short"
  | "readOnly"
  | "immutable"
  | "writeOnly"
  | "volatile"
  | "exported"
  | "writes"
  | "quota"
  | "visible"
  | "references"
  | "awaits"
  | "flags";

/** Makes a descriptor with defaults. Its type keeps the name and the fields, so that rows of the kind are typed. */
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
    quota: 500,
    visible: false,
    references: () => [],
    awaits: () => [],
    flags: {},
    ...kind,
  };
}

/** A field whose value is one of some words. */
export function oneOf<const Words extends readonly string[]>(
  words: Words,
  options: Record<string, unknown> = {},
) {
  return Type.Union(
    words.map((word) => Type.Literal(word as Words[number])),
    options,
  );
}

/** A field that can be null, and is null by default. */
export function nullable<T extends TSchema>(schema: T, options: Record<string, unknown> = {}) {
  return Type.Union([schema, Type.Null()], { default: null, ...options });
}

/** The read-only field `owner`. Objects stay when their user is deleted. */
export const Owner = Type.Union([Type.String(), Type.Null()], {
  description: "The user who created it; null if there is no such user, or no longer",
});

/** A reference to a value of a secret. */
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
