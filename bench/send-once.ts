/** Sends a request that is written out, as a load would. */
export function sendOnce(port: number, request: string): Promise<Response> {
  const [head = "", body = ""] = request.split("\r\n\r\n");
  const [first = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const at = line.indexOf(": ");
    return [line.slice(0, at), line.slice(at + 2)];
  });
  return fetch(`http://127.0.0.1:${port}${first.split(" ")[1]}`, { method: "POST", headers, body });
}
