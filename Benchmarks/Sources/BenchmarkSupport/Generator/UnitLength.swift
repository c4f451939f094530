/// Scales a vector to length 1, its square summed in double precision and in order.
func scaleToUnitLength(_ vector: UnsafeMutablePointer<Float>, dimension: Int) {
  var square = 0.0
  for i in 0..<dimension { square += Double(vector[i]) * Double(vector[i]) }
  let factor = Float(1 / square.squareRoot())
  for i in 0..<dimension { vector[i] *= factor }
}
