import { shortBytes } from "../constants.ts";
import type { LinkRevision } from "./revision.ts";
import { revision2 } from "./revision-2.ts";

/**
 * Revision 3 sends long requests and whole responses in parts, so that a slow line serves several calls at a time. An
 * llm without a status is inactive.
 */
export const revision3: LinkRevision = {
  ...revision2,
  protocol: 3,
  sendsParts: true,
  defaultStatus: "inactive",
  encodeRequest: (request) =>
    Buffer.byteLength(request) > shortBytes ? { withAcceptance: request } : { withTask: request },
};
