import type { ShareRows } from '#core/store.ts';
import type { Unit } from '../unit.ts';

export function shareRows(unit: Unit): ShareRows {
  return {
    async getMany(accounts) {
      return (await unit.shares.getMany(accounts.map((account) => [account]))).map((row) => ({ ...row }));
    },
    async putMany(rows) {
      for (const { account, virtualTime } of rows) unit.shares.put({ account, virtualTime });
    },
  };
}
