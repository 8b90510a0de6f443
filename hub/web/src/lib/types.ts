// The types of the hub's answers, under the names that screens use.

import type { components } from './schema'

type Schemas = components['schemas']

export type Endpoint = Schemas['Endpoint']
export type History = Schemas['History']
export type Transition = Schemas['Transition']
export type Check = Schemas['HealthCheck']
export type ListedCheck = Schemas['Check']
export type CheckRun = Schemas['CheckRun']
export type HealthAnswer = Schemas['Health']
export type Session = Schemas['Session']
export type ProblemDocument = Schemas['ErrorModel']
export type Trust = Schemas['Trust']

export type RequestRow = Schemas['KeptRequest']
export type RequestPage = Schemas['RequestPage']

// A list in a list is never null, which the OpenAPI document cannot express.
export type Columns = Omit<Schemas['Columns'], 'statuses'> & { statuses: Record<string, number[]> }
export type Timeseries = Omit<Schemas['Series'], 'statuses' | 'previous'> & {
  statuses: Record<string, number[]>
  previous?: Columns
}
export type HeatmapAnswer = Omit<Schemas['Heatmap'], 'counts'> & { counts: number[][] }

export type UsersAnswer = Schemas['Users']
export type CardinalityAnswer = Schemas['Cardinality']
