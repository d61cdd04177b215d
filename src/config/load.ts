/**
 * All sources together: options > flags > environment > file > default.
 *
 *   loadNodeConfig({ options, flags, environment, file }) ─▶ NodeConfig, and where every value came from
 */
import { layerOfFile } from './config-file.ts';
import { fail, type Layer, layerOfObject, type Resolved, resolveSettings } from './resolve.ts';
import type { Setting } from './settings.ts';
import { type Environment, layerOfEnvironment, layerOfFlags } from './sources.ts';
import type { ClusterOptions, Config, NodeConfig, NodeOptions } from './types.ts';
import { CLUSTER_SETTINGS, clusterConfig, NODE_SETTINGS, nodeConfig } from './validate.ts';

export interface ConfigSources<Options> {
  options?: Options | undefined;
  /** Texts by the name of the setting. */
  flags?: Readonly<Record<string, unknown>> | undefined;
  environment?: Environment | undefined;
  /** Path of a YAML or JSON file. */
  file?: string | undefined;
}

export interface LoadedConfig<C> {
  config: Readonly<C>;
  /** Value and source of every setting by its dotted name. */
  resolved: Resolved;
}

export async function loadConfig(sources: ConfigSources<ClusterOptions>): Promise<LoadedConfig<Config>> {
  const resolved = resolveSettings(CLUSTER_SETTINGS, await layersOf(CLUSTER_SETTINGS, sources));
  return { config: clusterConfig(resolved), resolved };
}

export async function loadNodeConfig(sources: ConfigSources<NodeOptions>): Promise<LoadedConfig<NodeConfig>> {
  const resolved = resolveSettings(NODE_SETTINGS, await layersOf(NODE_SETTINGS, sources));
  return { config: nodeConfig(resolved), resolved };
}

async function layersOf(settings: readonly Setting[], sources: ConfigSources<object>): Promise<Layer[]> {
  const layers = [
    layerOfObject(settings, sources.options ?? {}, () => ''),
    layerOfFlags(settings, sources.flags ?? {}),
    layerOfEnvironment(settings, sources.environment ?? {}),
  ];
  if (sources.file === undefined) return layers;
  const file = await layerOfFile(settings, sources.file);
  refuseStandingBootstrap(file);
  return [...layers, file];
}

/** What a file says holds at every start; a cluster is made once (S13). */
function refuseStandingBootstrap(file: Layer): void {
  const given = file.get('bootstrap');
  if (given?.value === true)
    fail('bootstrap', given.source, true, 'the flag --bootstrap, at the one start that makes the cluster');
}
