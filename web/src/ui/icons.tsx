/** The icons of the page, each imported by itself so that only these are in the bundle. SVG always, never a glyph. */
import {
  ArrowDownToLine,
  ArrowUpFromLine,
  Ban,
  Check,
  CircleAlert,
  Clock,
  Cog,
  Pause,
  RotateCw,
  Search,
  TriangleAlert,
} from 'lucide-react';
import type { StateIcon } from '../words/state.ts';

const byName = {
  down: ArrowDownToLine,
  up: ArrowUpFromLine,
  ban: Ban,
  check: Check,
  question: CircleAlert,
  clock: Clock,
  cog: Cog,
  pause: Pause,
  again: RotateCw,
  lens: Search,
  alert: TriangleAlert,
} satisfies Record<StateIcon, unknown>;

export function StateGlyph({ name }: { name: StateIcon }) {
  const Icon = byName[name];
  return <Icon size={16} strokeWidth={2.25} className="flex-none" aria-hidden="true" />;
}
