import { WifiOff } from 'lucide-react';
import { useCell, useServices } from '../services.tsx';
import { useNow } from '../ui/hooks.ts';
import { show, useT } from '../words/words.ts';

const staleMs = 10_000;

/** Admits that the numbers are old, and how old. */
export function StaleBanner() {
  const t = useT();
  const { live } = useServices();
  const isConnected = useCell(live.isConnected);
  const nowMs = useNow(1000);
  const ageMs = nowMs - live.heardAtMs();
  // An idle server may be silent; one that downloads speaks twice a second.
  const isExpected = live.store.counts().active > 0;
  if (ageMs < staleMs || (isConnected && !isExpected)) return null;
  return (
    <section
      aria-label={t('footer.reconnecting')}
      data-stale=""
      className="flex flex-none items-center gap-2 border-b border-hairline px-3 py-1.5 text-warn"
    >
      <WifiOff size={16} aria-hidden="true" />
      {t('stale.banner', { age: show.duration(Math.floor(ageMs / 1000)) })}
    </section>
  );
}
