import { useEffect } from 'react';
import { useServices } from '../services.tsx';
import { show } from '../words/words.ts';

/** The title of the tab tells how far everything is: `61.6% · 24.8 MiB/s – Flotilla`. */
export function useTitle(): void {
  const { live } = useServices();
  useEffect(() => {
    const tell = () => {
      const active = [...live.store.rows.values()].filter(({ state, sizeBytes }) => state === 'active' && sizeBytes !== null);
      const done = active.reduce((sum, { doneBytes }) => sum + doneBytes, 0);
      const total = active.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
      document.title = total === 0 ? 'Flotilla' : `${show.percent(done, total)} · ${show.speed(live.store.speed())} – Flotilla`;
    };
    const timer = setInterval(tell, 1000);
    return () => {
      clearInterval(timer);
      document.title = 'Flotilla';
    };
  }, [live]);
}
