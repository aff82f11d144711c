import { join } from 'node:path';
import { type Client, createClient } from '#client/client.ts';
import { type StartedProcess, startProcess } from './process.ts';
import { launcher } from './run-get.ts';
import { type Scope, tempFolder } from './temp.ts';
import { until } from './until.ts';

/** `downloads`: the folder where finished files go. */
export type Serving = { process: StartedProcess; origin: string; client: Client; data: string; downloads: string };

export type ServingOptions = { data?: string; args?: string[]; env?: Record<string, string | undefined> };

/** Lets in as an admin. */
export const token = 'the token of this story, hidden-bootstrap';

/** Starts `flotilla serve` on a data folder; it may reach loopback, and is stopped after the test. */
export async function startServing(
  t: Scope,
  { data = tempFolder(t), args = [], env = {} }: ServingOptions = {},
): Promise<Serving> {
  const process = await startProcess(t, launcher, ['serve', '--data', data, '--port', '0', ...args], {
    env: { FLOTILLA_NET_ALLOW: '127.0.0.0/8', FLOTILLA_BOOTSTRAP_TOKEN: token, FLOTILLA_DATABASE: undefined, ...env },
    ready: /^ready http:\/\/\S+$/m,
    // The launcher may have to build the page first.
    readySeconds: 90,
    stopSeconds: 25,
  });
  const origin = /^ready (\S+)$/m.exec(process.stdout)?.[1] ?? '';
  return { process, origin, client: createClient({ baseUrl: origin, token }), data, downloads: join(data, 'downloads') };
}

/** Gives the download as it is then; throws with what it says of itself when it never comes to that. */
export async function untilState({ client }: { client: Client }, id: string, state: string, seconds?: number) {
  const get = () => client.getDownload({ params: { id } });
  let shown = await get();
  const isSo = async () => {
    shown = await get();
    return shown.state === state;
  };
  await until(isSo, `${id} is ${state}`, seconds).catch((error: Error) => {
    throw new Error(`${error.message}, but ${shown.state}: ${shown.failure?.message}`);
  });
  return shown;
}
