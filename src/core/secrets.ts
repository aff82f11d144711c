/** Hashing, passed in: the control plane decides what is secret and never computes. */
export interface Secrets {
  /** SHA-256 of the text, lower-case hex. For secrets of 256 bits, which nobody can guess. */
  sha256(text: string): string;
  /** Compares in a time that does not tell where the difference is. */
  isSame(a: string, b: string): boolean;
  /** Slow and salted, for passwords; parameters and salt are part of the result. Throws `AccessError` when too many wait. */
  hashPassword(password: string): Promise<string>;
  /** A `hash` of null, or one that nothing can match, takes as long as a real one and is false. */
  verifyPassword(hash: string | null, password: string): Promise<boolean>;
}

/** Encrypts what has to be kept until it is needed, passed in. */
export interface Sealer {
  /** The text, encrypted and bound to `about`: nobody can pass it off as being about something else. */
  seal(text: string, about: string): string;
  /** null: it was sealed with another key or about something else, or changed since. */
  open(sealed: string, about: string): string | null;
}
