import type { FastifyRequest } from 'fastify';
import type { Desk, Handlers } from '../handlers.ts';

/** The fleet as people see it. */
export function fleetHandlers({
  control,
  enrolment,
  publicUrl,
}: Desk): Handlers<'listWorkers' | 'changeWorker' | 'removeWorker' | 'inviteWorker'> {
  return {
    listWorkers: () => control.workers(),
    changeWorker: ({ params, body }) => control.changeWorker(params.id, body),
    removeWorker: ({ params }) => control.removeWorker(params.id),
    async inviteWorker({ body }, { request }) {
      const { workerId, key, expiresAtMs } = await enrolment.invite();
      const origin = publicUrl ?? (body.origin === undefined ? originOf(request) : new URL(body.origin).origin);
      return { workerId, key, expiresAtMs, command: `flotilla worker --join ${origin} --key ${key}` };
    },
  };
}

/** As whoever asks reached us; the door has checked the name. */
function originOf({ protocol, host }: FastifyRequest): string {
  return `${protocol}://${host}`;
}
