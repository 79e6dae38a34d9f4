/**
 * Tarn for Java and Android: {@link org.tarn.Engine} runs frozen TensorFlow graphs, {@link org.tarn.Model} shares one
 * among several engines, {@link org.tarn.TensorFlowInferenceInterface} is what apps written for TensorFlow Mobile go on
 * with. docs/android.md says more.
 */
package org.tarn;
