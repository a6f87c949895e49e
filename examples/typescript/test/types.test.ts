import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

test('tsc finds nothing, in the strict mode', () => {
  const { stdout, status } = spawnSync('node_modules/.bin/tsc', { cwd: fileURLToPath(new URL('..', import.meta.url)), encoding: 'utf8' });
  assert.deepEqual([stdout, status], ['', 0]);
});
