import { beforeAll, onTestFinished } from "vitest";

/** The clean-up after the tests of a block, while it is being collected. */
let ofBlock: (() => unknown)[] | undefined;

/** Does something when the test is over; for what `shared` makes, when all tests of its block are. */
export function atEnd(act: () => unknown): void {
  if (ofBlock) ofBlock.push(act);
  else onTestFinished(async () => void (await act()));
}

/**
 * Makes something once for all tests of a describe block, or of a file, and returns how a test gets it. For servers that
 * no test changes in a way that another one notices.
 */
export function shared<T>(make: () => T | Promise<T>): () => T {
  let made: T;
  beforeAll(async () => {
    const ends: (() => unknown)[] = [];
    ofBlock = ends;
    try {
      made = await make();
    } finally {
      ofBlock = undefined;
    }
    return async () => {
      for (const end of ends.reverse()) await end();
    };
  });
  return () => made;
}
