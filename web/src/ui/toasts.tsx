import { X } from 'lucide-react';
import { useCell, useServices } from '../services.tsx';
import { useT } from '../words/words.ts';

/** The messages, and the one quiet voice that reads them out. */
export function Toasts() {
  const t = useT();
  const { toasts } = useServices();
  const shown = useCell(toasts.shown);
  const said = useCell(toasts.said);
  return (
    <>
      <div role="status" aria-live="polite" className="sr-only">
        {said}
      </div>
      {shown.length > 0 && (
        <section
          aria-label={t('toasts.label')}
          className="toasts fixed inset-x-3 z-40 mx-auto flex max-w-120 flex-col gap-2"
          onPointerEnter={toasts.hold}
          onPointerLeave={toasts.release}
          onFocus={toasts.hold}
          onBlur={toasts.release}
        >
          {shown.map((toast) => (
            <div
              key={toast.id}
              className={`flex items-center gap-2 rounded-card border bg-raised py-1 ps-3 pe-1 shadow-(--shadow) ${
                toast.tone === 'bad' ? 'border-bad text-bad' : 'border-control'
              }`}
            >
              <p className="min-w-0 flex-1 py-1 break-words">{toast.text}</p>
              {toast.action && (
                <button
                  type="button"
                  className="button quiet font-semibold text-accent"
                  onClick={() => {
                    toasts.dismiss(toast.id);
                    toast.action?.run();
                  }}
                >
                  {toast.action.label}
                </button>
              )}
              <button
                type="button"
                className="button quiet square"
                aria-label={t('action.dismiss')}
                onClick={() => toasts.dismiss(toast.id)}
              >
                <X size={16} aria-hidden="true" />
              </button>
            </div>
          ))}
        </section>
      )}
    </>
  );
}
