/** Returns a fetch that counts the bytes that have been read of event streams. */
export function countingFetch(): { fetch: typeof fetch; read(): number } {
  let read = 0;
  const tapped = async (...args: Parameters<typeof fetch>) => {
    const response = await fetch(...args);
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return response;
    const counting = new TransformStream<Uint8Array, Uint8Array>({
      transform(bytes, controller) {
        read += bytes.length;
        controller.enqueue(bytes);
      },
    });
    return new Response(response.body!.pipeThrough(counting), response);
  };
  return { fetch: tapped as typeof fetch, read: () => read };
}
