/** XML-RPC (xmlrpc.com/spec.md): what is called, and what comes back. */
import { FlotillaError } from '#core/errors.ts';
import { readXml, type XmlElement } from '#wire/xml.ts';

/** Numbers are whole. */
export type XmlRpcValue = string | number | Uint8Array | XmlRpcValue[] | { [name: string]: XmlRpcValue };

export function writeCall(method: string, params: XmlRpcValue[]): string {
  const all = params.map((value) => `<param>${write(value)}</param>`).join('');
  return `<?xml version="1.0"?><methodCall><methodName>${escapeText(method)}</methodName><params>${all}</params></methodCall>`;
}

/** A fault comes as it is: a struct with `faultCode` and `faultString`. Throws `unsupported` when it is no answer. */
export function readAnswer(text: string): XmlRpcValue {
  const root = readXml(Buffer.from(text));
  const [outer] = root.name === 'methodResponse' ? root.children : [];
  const value = outer?.name === 'params' ? outer.children[0]?.children[0] : outer?.children[0];
  if (value?.name !== 'value') throw new FlotillaError('unsupported', 'The document is no answer of XML-RPC.');
  return read(value);
}

function write(value: XmlRpcValue): string {
  return `<value>${writeBare(value)}</value>`;
}

function writeBare(value: XmlRpcValue): string {
  if (typeof value === 'string') return `<string>${escapeText(value)}</string>`;
  if (typeof value === 'number') return `<i8>${value}</i8>`;
  if (value instanceof Uint8Array) return `<base64>${Buffer.from(value).toString('base64')}</base64>`;
  if (Array.isArray(value)) return `<array><data>${value.map(write).join('')}</data></array>`;
  const members = Object.entries(value).map(([name, one]) => `<member><name>${escapeText(name)}</name>${write(one)}</member>`);
  return `<struct>${members.join('')}</struct>`;
}

function read({ text, children: [typed] }: XmlElement): XmlRpcValue {
  // Without a type it is text.
  if (typed === undefined) return text;
  if (typed.name === 'array') return (typed.children[0]?.children ?? []).map(read);
  if (typed.name === 'struct') return Object.fromEntries(typed.children.map(readMember));
  return /^(?:i4|i8|int|boolean)$/.test(typed.name) ? Number(typed.text) : typed.text;
}

function readMember({ children: [name, value] }: XmlElement): [string, XmlRpcValue] {
  return [name?.text ?? '', value === undefined ? '' : read(value)];
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function escapeText(text: string): string {
  return text.replace(/[&<>]/g, (mark) => escapes[mark] as string);
}
