/** Limits as people type them: MiB per second, with a point or a comma, and nothing for no limit. */

const mebibyte = 1024 ** 2;
const leastBytes = 1024;

export function showMebibytes(bytesPerSecond: number | null): string {
  return bytesPerSecond === null ? '' : String(Math.round((bytesPerSecond / mebibyte) * 1000) / 1000);
}

/** undefined: this is no speed. */
export function readMebibytes(text: string): number | null | undefined {
  if (text.trim() === '') return null;
  const value = Number(text.trim().replace(',', '.'));
  const bytes = Math.round(value * mebibyte);
  return Number.isFinite(bytes) && bytes >= leastBytes ? bytes : undefined;
}

export function showCount(count: number | null): string {
  return count === null ? '' : String(count);
}

/** A whole number from 1 on; undefined: this is none. */
export function readCount(most: number): (text: string) => number | null | undefined {
  return (text) => {
    if (text.trim() === '') return null;
    const value = Number(text);
    return Number.isInteger(value) && value >= 1 && value <= most ? value : undefined;
  };
}
