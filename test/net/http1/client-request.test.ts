import { describe, expect, it } from "vitest";
import { at, clientOf, get, hello, serve } from "./scripted-peer.ts";

describe("a request of the HTTP client", () => {
  it("is sent byte for byte as it was given", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const answer = await clientOf().request(at(server.port, { path: "/a/../b?c=%20" }), {
      ...get,
      method: "POST",
      headers: { "X-Key": "k", accept: "*/*" },
      body: "ü",
    });
    expect(await answer.text(100)).toBe("hello");
    expect(server.requests).toEqual([
      `POST /a/../b?c=%20 HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nX-Key: k\r\naccept: */*\r\ncontent-length: 2\r\n\r\n\xc3\xbc`,
    ]);
  });

  it("may have a body of many megabytes, which the socket takes in parts", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const body = new Uint8Array(12_000_000).fill(97);
    const answer = await clientOf().request(at(server.port), { ...get, method: "PUT", body });
    expect(answer.status).toBe(200);
    expect(server.requests[0]!.length - server.requests[0]!.indexOf("\r\n\r\n") - 4).toBe(body.length);
    expect(server.requests[0]!.endsWith("a")).toBe(true);
  });

  it("is not sent if a part of it could end a line early or change the framing", async () => {
    const server = serve(({ socket }) => socket.write(hello));
    const client = clientOf();
    const send = (target: object, options: object) =>
      client.request(at(server.port, { ...target }), { ...get, ...options });
    for (const value of ["a\r\nx: y", "a\nb", "a\rb", "a\0b", "ä"]) {
      await expect(send({}, { headers: { key: value } })).rejects.toThrow(TypeError);
      await expect(send({}, { headers: { [`k${value}`]: "v" } })).rejects.toThrow(TypeError);
      await expect(send({ path: `/${value}` }, {})).rejects.toThrow(TypeError);
      await expect(send({ hostname: `127.0.0.1${value}` }, {})).rejects.toThrow(TypeError);
      await expect(send({}, { method: `GET${value}` })).rejects.toThrow(TypeError);
    }
    for (const path of ["", "http://other/", "/a b"])
      await expect(send({ path }, {})).rejects.toThrow(TypeError);
    for (const name of ["Host", "content-length", "Transfer-Encoding", "connection"]) {
      await expect(send({}, { headers: { [name]: "1" } })).rejects.toThrow(TypeError);
    }
    expect(server.peers).toEqual([]);
  });
});
