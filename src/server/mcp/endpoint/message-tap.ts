/** Sees the messages that come and go with one HTTP request. */
export interface MessageTap {
  /** Takes the parsed body of a request, and its text. */
  received(body: unknown, text: string): void;
  /** Takes one message to the client: its JSON. */
  sent(text: string): void;
  /** Takes the answer in a response that was made at once. Returns the response. */
  through(response: Response): Promise<Response>;
}
