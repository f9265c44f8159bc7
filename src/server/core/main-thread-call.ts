/** A call that a worker does not answer: it is passed on to the main thread of the server, as it came. */
export class MainThreadCall extends Error {
  override name = "MainThreadCall";
}
