import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isObject, parsedObject, refuseExcess, scanJson, scanJsonInTurns } from "../../src/wire/json.ts";
import { spliceTexts, spliceTopLevel, withoutTopLevel } from "../../src/wire/json-splice.ts";

const depth64 = { maxDepth: 64 };
const strict = { maxDepth: 64, rejectDuplicateKeys: true };

/** Returns the keys and the text of each value. */
function members(text: string) {
  return scanJson(text, depth64).members.map(({ key, start, end }) => [key, text.slice(start, end)]);
}

describe("scanJson", () => {
  it("finds the top-level keys and where their values stand", () => {
    const text = ' {"a" : 12 , "b":{"a":[1,{"c":"}"}]}\n,"c":"x\\"y,\\\\","d":[ ] ,"e":null\t}\n';
    expect(members(text)).toEqual([
      ["a", "12"],
      ["b", '{"a":[1,{"c":"}"}]}'],
      ["c", '"x\\"y,\\\\"'],
      ["d", "[ ]"],
      ["e", "null"],
    ]);
  });

  it("agrees with JSON.parse on any object", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom(undefined, 1, "\t"),
        (object, indent) => {
          const text = JSON.stringify(object, null, indent);
          expect(Object.fromEntries(members(text).map(([key, value]) => [key, JSON.parse(value!)]))).toEqual(
            JSON.parse(text),
          );
        },
      ),
    );
  });

  it("reads an escaped key", () => {
    expect(members('{"mod\\u0065l":1}')).toEqual([["model", "1"]]);
  });

  it("stops at more than 64 levels, in arrays and objects, and not at 64 (T60)", () => {
    const nested = (levels: number) => `{"a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
    expect(() => scanJson(nested(64), depth64)).not.toThrow();
    expect(() => scanJson(nested(65), depth64)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        message: "the body is nested deeper than 64 levels",
      }),
    );
    expect(() => scanJson('{"a":'.repeat(1_000_000), depth64)).toThrow("nested deeper");
  });

  it("does not look at white space beyond the limit, wherever it stands (T60)", () => {
    const spaces = " ".repeat(5 * 1024 * 1024);
    const excess = "more than 4194304 characters outside strings";
    for (const text of [`${spaces}{}`, `{${spaces}"a":1}`, `{"a":${spaces}1}`, `{"a":1${spaces}}`])
      expect(() => scanJson(text, depth64)).toThrow(excess);
    const few = " ".repeat(1024 * 1024);
    expect(scanJson(`${few}{"a":${few}1${few}}`, depth64).members).toMatchObject([{ key: "a" }]);
  });

  it("counts keys apart from other elements (T60)", () => {
    const limits = { ...depth64, maxKeys: 3 };
    expect(scanJson('{"a":[1,2,3,4,5,6],"b":{"c":1}}', limits).items).toBe(9);
    expect(() => scanJson('{"a":1,"b":{"c":1,"d":1}}', limits)).toThrow("the body has more than 3 keys");
  });

  it("ignores brackets inside strings", () => {
    expect(members(`{"a":"${"[".repeat(1000)}"}`)).toHaveLength(1);
  });

  it.each([
    '{"model":"a","model":"b"}',
    '{"model":"a","\\u006dodel":"b"}',
    '{"x":[{"y":{"role":1, "role":2}}]}',
  ])("refuses the duplicate key in %s, when asked (T61)", (text) => {
    expect(() => scanJson(text, strict)).toThrow(/the key "(model|role)" appears twice/);
    expect(() => scanJson(text, depth64)).not.toThrow();
  });

  it("does not take equal keys of different objects, or equal strings, for duplicates", () => {
    expect(() => scanJson('{"a":{"a":1},"b":[{"a":1},{"a":1}],"c":["a","a"],"d":"a"}', strict)).not.toThrow();
  });

  it.each(["", "[1]", '"x"', "7", "{", '{"a', '{"a":"b', '{"a":"b\\"}', '{"\\x":1}', "{:1}"])(
    "refuses %j",
    (text) => {
      expect(() => scanJson(text, strict)).toThrow(expect.objectContaining({ code: "invalid_request" }));
    },
  );

  it("reads a body with a string of many megabytes", () => {
    const text = `{"a":"${"x\\\\yyyyyyyy".repeat(1_000_000)}","b":"${"z".repeat(10_000_000)}","c":1}`;
    expect(scanJson(text, strict).members.map(({ key }) => key)).toEqual(["a", "b", "c"]);
  });

  it.each([
    ["escapes", `{"a":"${'\\"'.repeat(1_000_001)}"}`, "more than 1000000 escapes in its strings"],
    [
      "escapes in many strings",
      `{"a":[${Array.from({ length: 1001 }, () => `"${"\\n".repeat(1000)}"`).join()}]}`,
      "more than 1000000 escapes in its strings",
    ],
    ["white space", `{"a":${" ".repeat(4_200_000)}1}`, "more than 4194304 characters outside strings"],
    ["digits", `{"a":${"1".repeat(4_200_000)}}`, "more than 4194304 characters outside strings"],
    ["empty strings", `{"a":${'""'.repeat(4_200_000)}}`, "more than 4194304 characters outside strings"],
  ])("refuses megabytes of %s, which take long to parse (T60)", (_what, text, fault) => {
    expect(() => scanJson(text, strict)).toThrow(
      expect.objectContaining({ code: "invalid_request", message: `the body has ${fault}` }),
    );
  });

  it("reads the last escapes and characters that are allowed (T60)", () => {
    expect(scanJson(`{"a":"${"\\n".repeat(1_000_000)}"}`, strict).members).toHaveLength(1);
    expect(scanJson(`{"a":${" ".repeat(4_000_000)}1}`, strict).members).toHaveLength(1);
  });

  it("finds the ends of strings in a text with many escapes as in a short one", () => {
    const long = "x".repeat(2_000_001);
    const texts = ['"', "\\", '\\"', "a\\\\", '"b"', "é\n"];
    const text = JSON.stringify({ long, ...Object.fromEntries(texts.map((one, n) => [`k${n}`, one])) });
    const { members: found } = scanJson(text, strict);
    expect(found.slice(1).map(({ start, end }) => JSON.parse(text.slice(start, end)))).toEqual(texts);
    expect(() => scanJson(text.slice(0, -2), strict)).toThrow("not valid JSON");
  });
});

describe("scanJsonInTurns", () => {
  it("finds what scanJson finds, and lets other work go in between (T60)", async () => {
    const text = `{"a":[${"0.123456789,".repeat(500_000)}1],"usage":{"b":2}}`;
    const limits = { maxDepth: 4, maxItems: 1_000_000, maxStructure: 10_000_000 };
    let turns = 0;
    const others = setInterval(() => turns++, 0);
    const scan = await scanJsonInTurns(text, limits);
    clearInterval(others);
    expect(scan).toEqual(scanJson(text, limits));
    expect(turns).toBeGreaterThan(0);
    await expect(scanJsonInTurns(text, { ...limits, maxStructure: 5_000_000 })).rejects.toThrow(
      "more than 5000000 characters outside strings",
    );
  });

  it("goes on in the middle of a string with more escapes than one step reads (T60)", async () => {
    const texts = ["\n".repeat(40_000), '"'.repeat(20_000), "\\".repeat(16_385), "x".repeat(2_000_001)];
    const text = JSON.stringify({ ...texts, last: true });
    const scan = await scanJsonInTurns(text, strict);
    expect(scan).toEqual(scanJson(text, strict));
    expect(scan.members.slice(0, -1).map(({ start, end }) => JSON.parse(text.slice(start, end)))).toEqual(
      texts,
    );
    await expect(scanJsonInTurns(text.slice(0, -9), strict)).rejects.toThrow("not valid JSON");
    const excess = `{"a":"${"\\n".repeat(1_000_001)}"}`;
    await expect(scanJsonInTurns(excess, strict)).rejects.toThrow("more than 1000000 escapes");
  });
});

describe("keys that all differ", () => {
  const keys = (count: number, times = 1) =>
    `{"a":[${Array.from({ length: count * times }, (_, n) => `{"k${n % count}":1}`).join()}]}`;

  it("are refused when they are more than 30,000, wherever they stand (T60)", () => {
    const flat = `{${Array.from({ length: 30_001 }, (_, n) => `"k${n}":1`).join()}}`;
    for (const text of [flat, keys(30_000)])
      expect(() => scanJson(text, depth64)).toThrow("the body has more than 30000 different keys");
  });

  it("may be as many as elements when they are the same again and again", () => {
    expect(scanJson(keys(10, 4_000), depth64).items).toBe(80_001);
    expect(scanJson(keys(29_999), depth64).members).toHaveLength(1);
  });
});

describe("spliceTopLevel", () => {
  const splice = (text: string, values: Record<string, unknown>) =>
    spliceTopLevel(text, scanJson(text, depth64), values);

  it("replaces values in place and leaves every other byte alone", () => {
    const text =
      '{ "seed": 12345678901234567890,\n  "model" : "mine" , "z":1.0, "messages":[{"model":"x"}] }';
    expect(splice(text, { model: "gpt-5", stream_options: { include_usage: true } })).toBe(
      '{"stream_options":{"include_usage":true}, "seed": 12345678901234567890,\n  "model" : "gpt-5" , "z":1.0, "messages":[{"model":"x"}] }',
    );
  });

  it("replaces every occurrence of a repeated key, so that all readers see the same value", () => {
    expect(splice('{"model":"a","model":"b"}', { model: "c" })).toBe('{"model":"c","model":"c"}');
  });

  it("fills an empty object and ignores undefined", () => {
    expect(splice("{ }", { model: "a", other: undefined })).toBe('{"model":"a" }');
    expect(splice('{"model":"a"}', { model: undefined })).toBe('{"model":"a"}');
  });

  it("makes text that JSON.parse reads as the object with those values", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.string(),
        fc.jsonValue(),
        (object, key, value) => {
          const text = JSON.stringify(object);
          const expected = JSON.parse(
            JSON.stringify(Object.fromEntries([...Object.entries(object), [key, value]])),
          );
          expect(JSON.parse(splice(text, Object.fromEntries([[key, value]])))).toEqual(expected);
        },
      ),
    );
  });
});

it("spliceTexts inserts JSON text unchanged", () => {
  const text = '{"a": 1.0, "b":2 }';
  const texts = new Map([
    ["b", "[ 1.50 ]"],
    ["c", "12345678901234567890"],
  ]);
  expect(spliceTexts(text, scanJson(text, depth64), texts)).toBe(
    '{"c":12345678901234567890,"a": 1.0, "b":[ 1.50 ] }',
  );
});

it("spliceTexts renames and removes keys, and leaves every other byte alone", () => {
  const names = new Map([
    ["a", "$&"],
    ["x", null],
  ]);
  const splice = (text: string) => spliceTexts(text, scanJson(text, depth64), new Map([["c", "1"]]), names);
  expect(splice('{ "x":[1] , "\\u0061" : 1.0,"b":{"a":2} ,"x":3}')).toBe('{"c":1, "$&" : 1.0,"b":{"a":2}}');
  expect(splice('{"x":1}')).toBe('{"c":1}');
});

describe("withoutTopLevel", () => {
  const without = (text: string, key = "x") => withoutTopLevel(text, scanJson(text, depth64), key);

  it.each([
    ['{"x":1}', "{}"],
    ['{ "x" : 1 }', "{ }"],
    ['{"x":1, "a" : 1.0}', '{ "a" : 1.0}'],
    ['{"a":1.0,"x":{"x":"}"} , "b":2}', '{"a":1.0 , "b":2}'],
    ['{"a":1.0, "x":1 }', '{"a":1.0 }'],
    ['{"x":1,"x":2,"a":{"x":1},"\\u0078":3}', '{"a":{"x":1}}'],
    ['{"a":1}', '{"a":1}'],
    ["{}", "{}"],
  ])("%s", (text, rest) => expect(without(text)).toBe(rest));

  it("leaves the object that JSON.parse reads, without the key", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("a", "b", "x", "y", ","), fc.jsonValue()),
        fc.constantFrom(undefined, 1),
        (object, indent) => {
          const { x: _, ...rest } = object;
          expect(JSON.parse(without(JSON.stringify(object, null, indent)))).toEqual(
            JSON.parse(JSON.stringify(rest)),
          );
        },
      ),
    );
  });
});

it.each([null, undefined, [], [{}], "{}", 1, true])("isObject returns false for %j", (value) => {
  expect(isObject(value)).toBe(false);
  expect(isObject({ value })).toBe(true);
});

it("parsedObject returns an object or array, and undefined for any other text", () => {
  expect(parsedObject('{"a":1}')).toEqual({ a: 1 });
  expect(parsedObject("[1]")).toEqual([1]);
  for (const text of ["", "{", "null", "1", '"a"', "[DONE]"]) expect(parsedObject(text)).toBeUndefined();
});

describe("JSON of somebody else (T60)", () => {
  const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

  it("is not parsed if it is nested too deeply or has too many elements", () => {
    expect(parsedObject(deep(100_000))).toBeUndefined();
    expect(parsedObject("[".repeat(10_000_000))).toBeUndefined();
    expect(parsedObject(`[${"{},".repeat(100_001)}1]`)).toBeUndefined();
    expect(() => refuseExcess(deep(1000), { subject: "the answer" })).toThrow(
      "the answer is nested deeper than 100 levels",
    );
  });

  it("is parsed within the limits, however long its strings are", () => {
    expect(parsedObject(deep(90))).toBeTruthy();
    expect(parsedObject(JSON.stringify({ a: "x".repeat(8_000_000) }))).toBeTruthy();
    expect(parsedObject(`${"x".repeat(2000)}`)).toBeUndefined();
    expect(() => refuseExcess("x".repeat(2000))).not.toThrow();
  });
});
