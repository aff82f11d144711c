import { PlaceLink } from '../ui/place.tsx';
import { useT } from '../words/words.ts';

export function NotFound() {
  const t = useT();
  return (
    <div className="flex h-full flex-col items-center justify-center gap-3 p-6 text-center">
      <h1 className="text-title">{t('notFound.title')}</h1>
      <PlaceLink to={{ screen: 'downloads', search: {} }} className="button">
        {t('notFound.back')}
      </PlaceLink>
    </div>
  );
}
