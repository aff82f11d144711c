import type { Resolution, Source } from '../../types.ts';
import { Field } from '../../ui/field.tsx';
import { useT, wordsFor } from '../../words/words.ts';
import { type Choice, fieldsFor, kindsFor, listName, noChoice, ticksOf, treeFor } from './choice.ts';
import { FileChoice } from './file-choice.tsx';
import { ParameterFields } from './parameter-fields.tsx';
import { spell, toParameters } from './parameters.ts';

type Props = {
  /** null: it is a file that was given. */
  link: string | null;
  resolution: Resolution | null;
  sources: Source[];
  choice: Choice;
  onChange(choice: Choice): void;
};

/** Is there anything to choose? */
export function hasChoices({ link, resolution, sources, choice }: Omit<Props, 'onChange'>): boolean {
  const found = resolution?.kind ?? null;
  const { parameters } = fieldsFor(sources, choice, found);
  return (resolution?.files.length ?? 0) > 1 || parameters.length > 0 || kindsFor(sources, link, found).length > 1;
}

/** What may be chosen of a link: its files, what it is taken for, and what that kind of link may be asked. */
export function ItemChoices({ link, resolution, sources, choice, onChange }: Props) {
  const t = useT();
  const found = resolution?.kind ?? null;
  const kinds = kindsFor(sources, link, found);
  const { kind, parameters } = fieldsFor(sources, choice, found);
  return (
    <div className="flex flex-col gap-3 pb-1">
      {resolution !== null && resolution.files.length > 1 && (
        <FileChoice
          key={listName(resolution.files)}
          tree={treeFor(resolution)}
          ticks={ticksOf(choice, resolution)}
          onTick={(ticks) => onChange({ ...choice, picked: { of: listName(resolution.files), ticks } })}
        />
      )}
      {resolution !== null && <Details resolution={resolution} />}
      {kinds.length > 1 && (
        <Field label={t('add.as')} help={t('add.asHelp')}>
          {(field) => (
            <select {...field} value={choice.as} onChange={({ target }) => onChange({ ...noChoice, as: target.value })}>
              <option value="">{t('add.automatic')}</option>
              {kinds.map((one) => (
                <option key={one.kind} value={one.kind}>
                  {kindWords(one.kind)}
                  {!one.ready && ` (${t('add.notReady')})`}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      {parameters.length > 0 && (
        <ParameterFields
          kind={kind}
          parameters={parameters}
          values={choice.values}
          details={resolution?.details}
          onChange={(values) => onChange({ ...choice, values, parameters: toParameters(parameters, values) })}
        />
      )}
      {choice.parameters === null && (
        <p role="alert" className="text-dense text-bad">
          {t('add.parametersWrong')}
        </p>
      )}
    </div>
  );
}

export function kindWords(kind: string): string {
  return wordsFor(`kind.${kind}`, kind.toUpperCase());
}

const mostDetails = 12;

/** What the source tells of itself, as far as it is short. */
function Details({ resolution: { details = {} } }: { resolution: Resolution }) {
  const shown = Object.entries(details).flatMap(([name, value]) => {
    const isPlain = typeof value === 'string' || typeof value === 'number';
    return isPlain && value !== '' ? [[name, String(value).slice(0, 300)] as const] : [];
  });
  if (shown.length === 0) return null;
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-3 gap-y-0.5 text-dense">
      {shown.slice(0, mostDetails).map(([name, value]) => (
        <div key={name} className="col-span-2 grid grid-cols-subgrid">
          <dt className="text-muted">{wordsFor(`detail.${name}`, spell(name))}</dt>
          <dd className="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
