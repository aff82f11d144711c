/** A key nobody else makes. `crypto.randomUUID` exists only over HTTPS; random values exist everywhere. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
