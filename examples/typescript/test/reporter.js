// A line for each test, and how many there were.

export default async function* (events) {
  let passed = 0;
  let failed = 0;
  for await (const { type, data } of events) {
    if (type === 'test:stdout' || type === 'test:stderr') yield data.message;
    // A file is not a test, unless it fails by itself.
    if (type === 'test:pass' && !data.name.endsWith('.test.ts')) {
      passed += 1;
      yield `ok - ${data.name}\n`;
    }
    if (type === 'test:fail' && data.details.error.failureType !== 'subtestsFailed') {
      failed += 1;
      const cause = data.details.error.cause ?? data.details.error;
      yield `not ok - ${data.name}: ${cause?.stack ?? cause}\n`;
    }
  }
  yield `${passed} passed, ${failed || passed ? failed : 1} failed\n`;
}
