/** JSON bodies that cost as much as they can. Each is as long as `bytes` says, or as long as is worth sending. */
export function hostileBodies(bytes: number): Record<string, string> {
  const fill = (text: string) => text.repeat(Math.floor(bytes / Buffer.byteLength(text)));
  const message = { role: "user", content: "x".repeat(300) };
  const body = (messages: string) => `{"model":"soak","messages":${messages},"max_tokens":1}`;
  const said = (text: string) => body(`[{"role":"user","content":"${text}"}]`);
  return {
    "one long text": said(fill("x")),
    "a long text in Chinese": said(fill("漢")),
    escapes: said(fill("\\n")),
    "escaped quotes": said(fill('\\"')),
    "empty objects": body(`[${fill("{},")}{}]`),
    "many keys": `{"model":"soak",${Array.from({ length: 200_000 }, (_, n) => `"k${n}":1`).join()}}`,
    "different keys in many objects": body(
      `[${Array.from({ length: 20_000 }, (_, n) => `{"a${n}":1,"b${n}":2}`).join()}]`,
    ),
    "a long text with one letter in Chinese": said(`${fill("x").slice(3)}漢`),
    "many messages": body(JSON.stringify(Array(20_000).fill(message))),
    brackets: body(fill("[")),
    "nested objects": body(fill('{"a":')),
    digits: `{"model":"soak","max_tokens":${fill("1")}}`,
    "white space": `{"model":"soak","max_tokens":${fill(" ")}1}`,
    "empty strings": body(fill('""')),
    "the same key": `{${fill('"model":"soak",')}"model":"soak"}`,
    "no JSON": fill("<"),
    "an image": said(`data:image/png;base64,${fill("iVBORw0KGgo")}`),
  };
}
