import type { Claim } from '#core/protocol.ts';
import type { Call, Desk, Handlers } from '../handlers.ts';
import { Problem } from '../problem.ts';

/** The worker protocol over HTTP: each call is the one of the control plane, for the worker whose key it is. */
export function workerHandlers({
  control,
  enrolment,
}: Desk): Handlers<'enrolWorker' | 'registerWorker' | 'claimTasks' | 'reportTasks' | 'noteTask' | 'finishTask'> {
  /** Nobody else can use what was claimed for a worker that hung up. */
  async function giveBack(workerId: string, claims: Claim[]): Promise<void> {
    for (const claim of claims) {
      const { taskId, epoch } = claim;
      const fetching = claim.kind === 'fetch' ? await control.get(claim.ownerId, claim.downloadId) : null;
      const outcome = { kind: 'given_back', doneBytes: fetching?.doneBytes ?? 0 } as const;
      await control.finish({ workerId, taskId, epoch, outcome });
    }
  }
  return {
    enrolWorker: ({ body }) => enrolment.enrol(body),
    registerWorker({ body }, call) {
      requireOwn(call, body.workerId);
      return control.register({ ...body, hasKey: true });
    },
    async claimTasks({ body }, call) {
      requireOwn(call, body.workerId);
      const gone = hangUpOf(call);
      const claims = await control.claim(body, gone);
      if (!gone.aborted) return claims;
      await giveBack(body.workerId, claims);
      return [];
    },
    reportTasks({ body }, call) {
      requireOwn(call, body.workerId);
      return control.report(body);
    },
    noteTask({ body }, call) {
      requireOwn(call, body.workerId);
      return control.note(body);
    },
    finishTask({ body }, call) {
      requireOwn(call, body.workerId);
      return control.finish(body);
    },
  };
}

/** A worker speaks for itself alone. */
function requireOwn({ actor }: Call, workerId: string): void {
  if (actor.kind === 'worker' && actor.credentialId === workerId) return;
  throw new Problem(403, 'not_allowed', 'This is the key of another worker.');
}

/** Aborted when the worker does not wait for the answer any more. */
function hangUpOf({ reply }: Call): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new Error('the worker hung up'));
  });
  return gone.signal;
}
