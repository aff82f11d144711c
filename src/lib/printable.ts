/** Text of strangers as one line for a terminal: it moves no cursor, colours nothing and turns nothing around. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, ' ');
}
