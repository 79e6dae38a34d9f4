// Compiled with tsc --strict by run_test.sh: the types are those of an app.
import { hasSimd, load, TarnError, type Model, type Tensor } from '@tarn/engine';

export async function best(address: string, pixels: Float32Array): Promise<number> {
  const model: Model = await load(address, { outputs: ['output_node'], simd: hasSimd() });
  try {
    const outputs = model.run({ input_node: { data: pixels, shape: [1, 784] } }, { copy: false });
    const scores: Tensor | undefined = outputs['output_node'];
    const labels: string[] = model.metadata.outputs?.[0]?.labels ?? [];
    console.log(model.inputs.map((info) => `${info.name} ${info.dtype} ${info.shape?.join('x') ?? '?'}`), labels);
    if (!(scores?.data instanceof Float32Array)) throw new Error('no scores');
    return scores.data.indexOf(Math.max(...scores.data));
  } catch (error) {
    if (error instanceof TarnError) console.error(error.code, error.message);
    throw error;
  } finally {
    model.close();
  }
}

export async function words(sound: Uint8Array): Promise<string[]> {
  const { labels } = (await load(new URL('words.pb', 'https://localhost/'))).run({ wav_data: sound, names: ['a', 'b'] });
  return labels?.data as string[];
}

// @ts-expect-error an input is no date
void load('x.pb').then((model) => model.run({ x: new Date() }));
