import { inlineBytes } from "../constants.ts";
import type { LinkRevision } from "./revision.ts";

/** Revision 2 adds acceptance, credit and epochs. */
export const revision2: LinkRevision = {
  protocol: 2,
  acceptsTasks: true,
  countsCredit: true,
  sendsParts: false,
  defaultStatus: "active",
  encodeRequest: (request) =>
    Buffer.byteLength(request) > inlineBytes ? { withAcceptance: request } : { withTask: request },
  mayContinue: (epoch) => epoch !== undefined,
};
