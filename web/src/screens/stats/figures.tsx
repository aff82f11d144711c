import type { ReactNode } from 'react';

type Column<Row> = { name: string; words: string; cell(row: Row): ReactNode };
type Props<Row> = {
  caption: string;
  head: string;
  rows: Row[];
  nameOf(row: Row): string;
  keyOf(row: Row): string;
  columns: Column<Row>[];
};

/** A table of figures: a name, then numbers that stand one below the other. It scrolls by itself where it is too wide. */
export function Figures<Row>({ caption, head, rows, nameOf, keyOf, columns }: Props<Row>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls is focusable, so that arrows scroll it
    <section aria-label={caption} tabIndex={0} className="max-h-96 overflow-auto">
      <table className="w-full text-dense">
        <thead className="text-muted">
          <tr>
            <th scope="col" className="py-1 pe-2 text-start font-normal">
              {head}
            </th>
            {columns.map(({ name, words }) => (
              <th key={name} scope="col" className="py-1 ps-2 text-end font-normal">
                {words}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} className="border-t border-hairline">
              <th scope="row" className="w-full max-w-0 truncate py-1 pe-2 text-start font-normal" title={nameOf(row)}>
                {nameOf(row)}
              </th>
              {columns.map(({ name, cell }) => (
                <td key={name} className="py-1 ps-2 text-end whitespace-nowrap">
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
