/** What is nested deeper cannot be copied to a thread or written as JSON: both go as deep into the stack as the value does. */
const mostLevels = 32;

/** Is a value of JSON, such as a person or a worker sent it, nested at most 32 levels deep? */
export function isShallow(value: unknown, levels = mostLevels): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}
