/** `fetch` for the library, which reads answers whole: an endless one is cut off. Addresses are checked by the guard. */

/** Trackers alone are asked with it, and none has more to say. */
const mostBytes = 2 * 2 ** 20;

export default async function boundedFetch(link: string | URL, options?: RequestInit): Promise<Response> {
  const response = await fetch(link, options);
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of response.body ?? []) {
    sizeBytes += part.length;
    if (sizeBytes > mostBytes) throw new Error(`the answer is longer than ${mostBytes / 2 ** 20} MiB`);
    parts.push(part);
  }
  const { status, headers } = response;
  const isEmpty = status === 204 || status === 304;
  return new Response(isEmpty ? null : Buffer.concat(parts), { status, headers });
}
