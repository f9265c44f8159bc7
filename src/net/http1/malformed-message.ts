/** The peer sent something that is not an HTTP/1.1 message, or stopped in the middle of one. */
export class MalformedMessage extends Error {
  override name = "MalformedMessage";
}
