/** What a download is doing, in words a person reads: one of five families, an icon, and a sentence with the reason. */
import type { Download } from '../types.ts';
import { type MessageId, show, t } from './words.ts';

export type Family = 'idle' | 'work' | 'warn' | 'good' | 'bad';
export type StateIcon = 'down' | 'up' | 'ban' | 'check' | 'question' | 'clock' | 'cog' | 'pause' | 'again' | 'lens' | 'alert';
export type StateWords = { family: Family; icon: StateIcon; text: string };

/** Facts from elsewhere that make the sentence better; it is right without them too. */
export type StateContext = { nowMs: number; maxTries?: number; destinationName?: string; isAnyWorkerHere?: boolean };

const phaseIcons: Record<NonNullable<Download['phase']>, StateIcon> = {
  probe: 'lens',
  fetch: 'down',
  verify: 'lens',
  process: 'cog',
  deliver: 'up',
};

export function describeState(row: Download, context: StateContext): StateWords {
  switch (row.state) {
    case 'active': {
      const phase = row.phase ?? 'fetch';
      const text =
        phase === 'deliver' && context.destinationName !== undefined
          ? t('state.deliveringTo', { name: context.destinationName })
          : t(`phase.${phase}`);
      return { family: 'work', icon: phaseIcons[phase], text };
    }
    case 'queued':
      return describeQueued(row, context);
    case 'paused':
      return { family: 'idle', icon: 'pause', text: t('state.paused') };
    case 'completed':
      return { family: 'good', icon: 'check', text: t('state.completed') };
    case 'cancelled':
      return { family: 'idle', icon: 'ban', text: t('state.cancelled') };
    case 'failed':
      return { family: 'bad', icon: 'alert', text: t('state.failedBecause', { why: shortFailure(row) }) };
  }
}

function describeQueued(row: Download, { nowMs, maxTries, isAnyWorkerHere = true }: StateContext): StateWords {
  if (row.reason === 'retry') {
    // The number of the try that is waited for: it rose when the last one failed.
    const tryNumber = row.attempt;
    const isCounted = maxTries !== undefined && tryNumber <= maxTries;
    const tries: Record<string, number> = isCounted ? { try: tryNumber, tries: maxTries } : { try: tryNumber };
    const leftMs = (row.retryAtMs ?? 0) - nowMs;
    const kind = isCounted ? 'retryOf' : 'retry';
    if (leftMs <= 0) return { family: 'warn', icon: 'again', text: t(`state.${kind}Now`, tries) };
    return { family: 'warn', icon: 'again', text: t(`state.${kind}In`, { ...tries, time: show.duration(leftMs / 1000) }) };
  }
  if (row.reason === 'schedule' && row.retryAtMs !== null) {
    return { family: 'idle', icon: 'clock', text: t('state.startsAt', { time: show.time(row.retryAtMs) }) };
  }
  if (row.reason === 'space') return { family: 'warn', icon: 'again', text: t('reason.space') };
  if (row.reason === 'selection') return { family: 'warn', icon: 'question', text: t('reason.selection') };
  const reason = row.reason ?? 'slot';
  if (reason === 'slot' && !isAnyWorkerHere) return { family: 'warn', icon: 'clock', text: t('reason.noWorker') };
  return { family: 'idle', icon: 'clock', text: t(`reason.${reason}`) };
}

/** Two or three words for the list; the whole sentence of the server stands in the details. */
export function shortFailure(row: Download): string {
  const code = row.failure?.code;
  return t(code !== undefined && code in failureWords ? (failureWords[code] as MessageId) : 'failure.internal');
}

const failureWords: Record<string, MessageId> = {
  link_invalid: 'failure.link_invalid',
  scheme_unknown: 'failure.scheme_unknown',
  not_found: 'failure.not_found',
  auth_required: 'failure.auth_required',
  refused: 'failure.refused',
  busy: 'failure.busy',
  server_error: 'failure.server_error',
  connection_refused: 'failure.connection_refused',
  connection_lost: 'failure.connection_lost',
  name_unresolvable: 'failure.name_unresolvable',
  timed_out: 'failure.timed_out',
  stalled: 'failure.stalled',
  truncated: 'failure.truncated',
  content_changed: 'failure.content_changed',
  range_ignored: 'failure.range_ignored',
  protocol_error: 'failure.protocol_error',
  redirect_loop: 'failure.redirect_loop',
  redirect_invalid: 'failure.redirect_invalid',
  address_refused: 'failure.address_refused',
  tls_failed: 'failure.tls_failed',
  checksum_mismatch: 'failure.checksum_mismatch',
  too_large: 'failure.too_large',
  no_space: 'failure.no_space',
  not_writable: 'failure.not_writable',
  unsupported: 'failure.unsupported',
  task_lost: 'failure.task_lost',
  store_unavailable: 'failure.store_unavailable',
  internal: 'failure.internal',
};
