import { describe, expect, it } from "vitest";
import { AppError } from "../src/errors.ts";
import { reasonText, systemCodeOf, systemReason } from "../src/system-errors.ts";

const coded = (code: string, message = "", cause?: unknown) =>
  Object.assign(new Error(message, { cause }), { code });

describe("systemReason", () => {
  it.each([
    ["ECONNREFUSED", "the connection was refused"],
    ["DNS_ENOTFOUND", "the host name was not found"],
    ["EAI_AGAIN", "the name server does not answer"],
    ["CERT_NOT_YET_VALID", "the certificate is not valid yet"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "the certificate was signed by an unknown authority"],
    ["HPE_INVALID_CONSTANT", "the answer is not HTTP: another kind of server listens there"],
    ["EACCES", "permission denied"],
    ["EROFS", "the file system is read-only"],
    ["SQLITE_BUSY_SNAPSHOT", "another program locks the database"],
    ["SQLITE_CORRUPT_INDEX", "the database file is damaged"],
    ["SQLITE_IOERR_LOCK", "the file system has no locks"],
    ["SQLITE_IOERR_READ", "the disk reports an error"],
    ["28P01", "the database refused the user or password"],
    ["08006", "the connection to the database was lost"],
    ["25006", "the database is read-only"],
    ["CONNECT_TIMEOUT", "no connection in time"],
  ])("has words for %s", (code, text) => {
    expect(systemReason(coded(code))).toMatchObject({ code, text });
  });

  it("tells a server without TLS from another failure of the handshake", () => {
    const words = (message: string) => systemReason(coded("EPROTO", message))?.text;
    expect(words("SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER")).toMatch(/does not speak TLS/);
    expect(words("SSL routines:OPENSSL_internal:SSLV3_ALERT_HANDSHAKE_FAILURE")).toBe(
      "the TLS handshake failed",
    );
  });

  it("follows the causes of an error, and skips the codes of mcpctl itself", () => {
    const cause = coded("EHOSTUNREACH", "connect EHOSTUNREACH 10.0.0.9:443");
    const error = new AppError("unavailable", "outer", { cause: new Error("middle", { cause }) });
    expect(systemReason(error)?.text).toBe("there is no route to the host");
    expect(systemReason(new AppError("unavailable", "alone"))).toBeUndefined();
    const circle: { cause?: unknown } = {};
    circle.cause = circle;
    expect(systemReason(circle)).toBeUndefined();
  });

  it("repeats nothing of the error but its code: no host, no path, no text of another program", () => {
    const error = coded("ENOENT", "ENOENT: no such file or directory, open '/home/alice/.ssh/key'");
    expect(JSON.stringify(systemReason(error))).not.toContain("alice");
    for (const code of ["sk-secret key", "x".repeat(80), "\u001b[2J", "constructor", "toString", 23, null])
      expect(systemReason({ code })).toBeUndefined();
  });
});

describe("reasonText", () => {
  it("is the words with the code, or the given clause", () => {
    expect(reasonText(coded("ENOSPC"))).toBe("the disk is full (ENOSPC)");
    expect(reasonText(coded("EXOTIC"), "no connection")).toBe("no connection (EXOTIC)");
    expect(reasonText(new Error("secret"), "no connection")).toBe("no connection");
    expect(reasonText(undefined)).toBe("unknown reason");
  });
});

describe("systemCodeOf", () => {
  it("is the code of the nearest cause that has one", () => {
    expect(systemCodeOf(coded("EIO", "", coded("ENOSPC")))).toBe("EIO");
    expect(systemCodeOf(new Error("x", { cause: coded("ENOSPC") }))).toBe("ENOSPC");
    expect(systemCodeOf("ENOSPC")).toBeUndefined();
  });
});
