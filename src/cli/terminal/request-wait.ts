import { type Later, later, type Progress, type ProgressContext, waitingOn } from "./progress.ts";

/**
 * Shows `waiting for the server, 4 s`, or what else is waited for, while requests take long. A verb that writes something, asks, or shows progress of
 * its own ends it for good, so that it never stands in the middle of an output.
 *
 * @param after the delay; a test passes its own
 * @returns is called when a request begins, and returns a function to call when it has ended
 */
export function requestWait(
  { terminal, flags }: ProgressContext,
  waitsFor: string,
  after: Later = later,
): () => () => void {
  let line: Progress | undefined;
  let underWay = 0;
  let isOver = false;
  const end = () => {
    line?.end();
    line = undefined;
  };
  const rewrite = terminal.momentary(() => {
    isOver = true;
    end();
  });
  const own = Object.assign(Object.create(terminal) as typeof terminal, { rewrite, handOver() {} });
  return () => {
    underWay++;
    if (!isOver) line ??= waitingOn({ terminal: own, flags }, `waiting for ${waitsFor}`, after);
    return () => {
      if (--underWay === 0) end();
    };
  };
}
