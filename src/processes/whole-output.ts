/** Reads what a program writes, to its end. */
export async function wholeOutput(output: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(output)).toString("utf8");
}
