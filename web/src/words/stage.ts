import { asAsked } from '#core/stage.ts';
import type { t } from './words.ts';

/** Stages have the names that people gave them, but for the one that changes nothing. */
export function stageName(name: string, translate: typeof t): string {
  return name === asAsked ? translate('stages.asAsked') : name;
}
