import { type FormHead, fieldIn, maxFields, maxHeadBytes, refusedForm } from "./form.ts";

/** A field of a form that is read as it comes: its head, then its value in pieces. */
export type FormEvent = { field: FormHead } | { bytes: Uint8Array };

/**
 * Reads a form with files as it comes, so that no file is in memory as a whole. Only the plain form that SDKs and browsers
 * send is accepted, as by `scanForm`.
 *
 * @throws AppError `invalid_request`
 */
export async function* formEvents(
  chunks: AsyncIterable<Uint8Array>,
  boundary: string,
): AsyncGenerator<FormEvent, void> {
  // The first boundary has no line end before it.
  let held = Buffer.from("\r\n");
  const mark = Buffer.from(`\r\n--${boundary}`);
  const source = chunks[Symbol.asyncIterator]();
  const more = async (): Promise<boolean> => {
    const { done, value } = await source.next();
    if (done) return false;
    held = held.length === 0 ? Buffer.from(value) : Buffer.concat([held, value]);
    return true;
  };
  /** Waits for so many bytes. */
  const need = async (bytes: number) => {
    while (held.length < bytes)
      if (!(await more())) throw refusedForm("the form does not end with its boundary");
  };
  try {
    await need(mark.length);
    if (held.indexOf(mark) !== 0) throw refusedForm("the form does not begin with its boundary");
    held = held.subarray(mark.length);
    for (let fields = 0; ; fields++) {
      await need(2);
      const next = held.toString("latin1", 0, 2);
      if (next === "--") break;
      if (next !== "\r\n") throw refusedForm("a field of the form does not end with the boundary");
      if (fields === maxFields) throw refusedForm(`the form has more than ${maxFields} fields`);
      let end = held.indexOf("\r\n\r\n", 2);
      while (end < 0) {
        if (held.length > maxHeadBytes)
          throw refusedForm("the headers of a field are not complete, or too long");
        await need(held.length + 1);
        end = held.indexOf("\r\n\r\n", 2);
      }
      if (end > maxHeadBytes) throw refusedForm("the headers of a field are not complete, or too long");
      yield { field: fieldIn(held.toString("latin1", 2, end)) };
      // An empty value ends at once: its boundary begins with the end of the headers.
      held = held.subarray(end + 2);
      let isStart = true;
      for (let at = held.indexOf(mark); at < 0; at = held.indexOf(mark)) {
        // The end may be the beginning of a boundary.
        const sure = Math.max(0, held.length - mark.length);
        if (sure > (isStart ? 2 : 0)) {
          yield { bytes: held.subarray(isStart ? 2 : 0, sure) };
          held = held.subarray(sure);
          isStart = false;
        }
        await need(held.length + 1);
      }
      const at = held.indexOf(mark);
      if (at > (isStart ? 2 : 0)) yield { bytes: held.subarray(isStart ? 2 : 0, at) };
      held = held.subarray(at + mark.length);
    }
    const rest = async () => {
      while (held.length <= 4) if (!(await more())) return held.toString("latin1");
      return held.toString("latin1", 0, 5);
    };
    if (!/^--(?:\r\n)?$/.test(await rest())) throw refusedForm("the form does not end with its boundary");
  } finally {
    await source.return?.();
  }
}
