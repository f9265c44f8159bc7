import { Type } from "@sinclair/typebox";
import { defineKind, type Kind, type WriteOperation } from "../../src/kinds/define.ts";

type KindList = typeof import("../../src/kinds/index.ts");

/** A kind that is in no list, with one field. Ids begin with its first three letters. */
export function fakeKind(kind: string, writes?: readonly WriteOperation[]): Kind {
  return defineKind({
    kind,
    plural: `${kind}s`,
    display: kind,
    idPrefix: kind.slice(0, 3),
    summary: "A kind for tests.",
    order: 1000,
    fields: Type.Object(
      { color: Type.Optional(Type.String({ description: "Its colour" })) },
      { additionalProperties: false },
    ),
    columns: [{ header: "NAME", path: "name" }],
    example: { name: "some", color: "red" },
    ...(writes && { writes }),
  }) as unknown as Kind;
}

/** The module `kinds/index.ts` with more kinds in its list, for `vi.mock`. */
export function withKinds(actual: KindList, ...fakes: Kind[]): KindList {
  const find = (word: string) => fakes.find(({ kind, plural }) => word === kind || word === plural);
  return {
    ...actual,
    kinds: [...actual.kinds, ...fakes],
    findKind: (word) => find(word) ?? actual.findKind(word),
    kindOf: (singular) => find(singular) ?? actual.kindOf(singular),
    kindWords: () => [...actual.kindWords(), ...fakes.flatMap(({ kind, plural }) => [kind, plural])],
  };
}
