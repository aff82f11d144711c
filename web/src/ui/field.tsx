import { type ComponentProps, type ReactNode, useId } from 'react';

type Props = {
  label: string;
  /** One line of help below the field. */
  help?: string;
  /** What is wrong with the value; announced. */
  error?: string | null;
  className?: string;
  children(field: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true; className: string }): ReactNode;
};

/** A label, a field, its help and its error, tied together for people who cannot see that they stand together. */
export function Field({ label, help, error, className = '', children }: Props) {
  const id = useId();
  const describedBy = [help ? `${id}-help` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <div className={`flex flex-col gap-1 ${className}`}>
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children({
        id,
        className: 'field',
        ...(describedBy === '' ? {} : { 'aria-describedby': describedBy }),
        ...(error ? { 'aria-invalid': true as const } : {}),
      })}
      {help && (
        <p id={`${id}-help`} className="text-dense text-muted">
          {help}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} role="alert" className="text-dense text-bad">
          {error}
        </p>
      )}
    </div>
  );
}

/** For what people copy and machines read: nothing of it is corrected, suggested or kept. */
export const technical = { spellCheck: false, autoComplete: 'off', autoCapitalize: 'none' } as const;

/** Several lines of such text, in a `Field`. */
export function Lines(props: ComponentProps<'textarea'>) {
  return <textarea {...props} {...technical} className="field resize-y font-mono text-dense" />;
}
