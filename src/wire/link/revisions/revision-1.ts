import type { LinkRevision } from "./revision.ts";

/**
 * Revision 1 is the protocol of a minimal agent, which registers without `protocol`. It reads tasks, posts results, and
 * knows neither acceptance nor credit nor epochs.
 */
export const revision1: LinkRevision = {
  protocol: 1,
  acceptsTasks: false,
  countsCredit: false,
  sendsParts: false,
  defaultStatus: "active",
  encodeRequest: (request) => ({ withTask: request }),
  // An agent that knows no epoch cannot say that it is the same one.
  mayContinue: () => true,
};
