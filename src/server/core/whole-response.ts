/** A response whose whole body is in memory: the listener sends it without reading a stream. */
export class WholeResponse extends Response {
  readonly whole: string | Uint8Array<ArrayBuffer>;

  constructor(whole: string | Uint8Array<ArrayBuffer>, init: ResponseInit) {
    super(whole, init);
    this.whole = whole;
  }
}
