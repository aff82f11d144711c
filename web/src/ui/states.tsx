import { CircleAlert } from 'lucide-react';
import { useEffect, useState } from 'react';
import { sentenceOf } from '../actions.ts';
import { useT } from '../words/words.ts';

/** Says nothing for half a second: most waits are shorter, and a spinner that flashes makes them feel longer. */
export function Loading() {
  const t = useT();
  const [isShown, setIsShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setIsShown(true), 500);
    return () => clearTimeout(timer);
  }, []);
  if (!isShown) return null;
  return (
    <div role="status" className="flex h-full min-h-24 items-center justify-center gap-3 text-muted">
      <span className="spinner" />
      {t('state.loading')}
    </div>
  );
}

/** Something could not be read: what happened, and the way on. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry(): void }) {
  const t = useT();
  return (
    <div role="alert" className="flex h-full min-h-40 flex-col items-center justify-center gap-3 p-6 text-center">
      <CircleAlert size={28} className="text-bad" aria-hidden="true" />
      <p className="max-w-120">{sentenceOf(error)}</p>
      <button type="button" className="button" onClick={onRetry}>
        {t('action.tryAgain')}
      </button>
    </div>
  );
}

/** Why what was asked for did not happen, if it did not. */
export function Failed({ error, className = '' }: { error: unknown; className?: string }) {
  if (error === null) return null;
  return (
    <p role="alert" className={`text-bad ${className}`}>
      {sentenceOf(error)}
    </p>
  );
}
