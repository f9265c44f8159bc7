import { expect, it } from "vitest";
import { RequestsUnderWay } from "../../../../src/server/http/connections/requests-under-way.ts";

it("a caller without a bearer takes no place of a known one whose connection has the same port (T99)", () => {
  const known = new Request("http://localhost/");
  const stranger = new Request("http://localhost/");
  for (const order of [
    [known, stranger],
    [stranger, known],
  ]) {
    const underWay = new RequestsUnderWay();
    for (const request of order) underWay.begin(request);
    underWay.know(known);
    expect(underWay.ports(() => 4711)).toEqual(new Map([[4711, true]]));
  }
});
